"""What a store costs: an invoice from its listing and one dated price file, and what a change would save."""
