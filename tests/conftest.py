"""For all tests: no setting of whoever runs them, and made-up input that is the same on every CI run."""

import os

import pytest
from hypothesis import settings

from shared.settings import Settings

# CI must say the same of the same commit; at a desk new input is looked for on every run.
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("desk", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "desk")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*map(str.upper, Settings.model_fields), "DEBUG", "LITEKEEP_KMS_ENDPOINT"]:
        monkeypatch.delenv(name, raising=False)
