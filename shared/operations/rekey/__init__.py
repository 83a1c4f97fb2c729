"""Re-wraps data keys, reports which key is needed for what, and makes the recovery sheet."""
