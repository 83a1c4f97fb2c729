"""The audit trail in a store: events as objects, and checkpoints that show when one is removed, changed or added."""
