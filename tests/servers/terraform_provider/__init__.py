"""A stand-in for Terraform's google provider: the real schema, served to the real terraform, without a network.

`terraform init`, `validate` and `test` with `mock_provider` need a provider only for its schema.
`google-schema.json.xz` is the published schema of hashicorp/google 8.7.0 in the form that `wire.py`
reads. The stand-in checks names, nesting, types and allowed values; it plans, reads, imports and applies only
where a test lets it (STAND_IN_ACTS=1), and then with nothing behind it: see `acting.py`.
"""
