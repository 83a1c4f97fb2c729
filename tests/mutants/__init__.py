"""Changes to the code that its tests must notice: `make mutants`. Not in CI: a sample takes half an hour."""
