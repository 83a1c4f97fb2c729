"""What the command line and the jobs' entry points have in common: flags, exit codes, what people see."""
