"""What needs two persons: requests, the decisions on them, and the permit that comes of both, once."""
