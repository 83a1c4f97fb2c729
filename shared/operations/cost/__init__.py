"""The cost of a store: an invoice from its listing and one dated price file, and possible savings."""
