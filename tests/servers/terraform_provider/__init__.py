"""A stand-in for Terraform's google provider: serves the real schema to the real terraform, without a network.

`terraform init`, `validate` and `test` with `mock_provider` need a provider only for its schema.
`google-schema.json.xz` is the published schema of hashicorp/google 8.7.0 in the format that `wire.py`
reads. The stand-in checks names, nesting, types and allowed values; it plans, reads, imports and applies only
with STAND_IN_ACTS=1, and then without a cloud behind it: see `acting.py`.
"""
