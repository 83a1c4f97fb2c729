"""What a run has around it: scratch folders, progress, the platform it runs on."""
