"""Keys over their life: wrapping data keys anew, which key is needed for what, and the recovery sheet."""
