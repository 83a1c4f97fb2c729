"""The version of Litekeep. It is a constant because reading the package's metadata takes 20 ms of every start."""

VERSION = "0.1.0"
TOOL = f"litekeep {VERSION}"
