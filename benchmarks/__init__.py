"""How fast Litekeep is, beside what else does its work: `make bench`."""
