"""The policy file: what runs may touch, whatever the environment and the flags of a run say."""
