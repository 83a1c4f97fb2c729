"""Which Litekeep this is. Its own module, because asking the installed package takes 20 ms of every start."""

VERSION = "0.1.0"
TOOL = f"litekeep {VERSION}"
