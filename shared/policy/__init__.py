"""The policy file, which limits what runs may touch. Settings and flags cannot override it."""
