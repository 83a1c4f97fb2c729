"""The terms of the contract as types: kinds, object names, schedules, the manifest."""
