"""The audit trail in a store: one object per event, and checkpoints that reveal removed, changed and added events."""
