"""The words of the contract as types: kinds, names of objects, schedules, the manifest."""
