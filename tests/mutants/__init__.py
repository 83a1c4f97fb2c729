"""Mutation tests: `make mutants`. Not in CI, because a sample takes half an hour."""
