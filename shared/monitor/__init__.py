"""Whether all is well, judged by what stores hold: what `litekeep status` shows and the monitor job reports."""
