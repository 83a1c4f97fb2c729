"""The operations: one package each, whose effects come in an order that loses no data."""
