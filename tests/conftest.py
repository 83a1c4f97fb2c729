"""Fixtures for all tests: no settings from the user's environment, and the same generated input on every CI run."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests import coverage

coverage.start()  # before anything that is measured is imported

from shared.settings import Settings  # noqa: E402 - see above

# CI must give the same result for the same commit; elsewhere every run generates new input.
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("desk", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "desk")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(coverage.OPTION, action="store_true", help="measure lines and branches, and fail if too few")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if config.getoption(coverage.OPTION) and not _is_worker(config):
        coverage.switch_on()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if _is_worker(session.config):
        coverage.finish_worker()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption(coverage.OPTION) and not _is_worker(config):
        for line in coverage.report(terminalreporter._session):
            terminalreporter.write_line(line)


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        *map(str.upper, Settings.model_fields),
        "DEBUG",
        "LITEKEEP_KMS_ENDPOINT",
        "LITEKEEP_IAP_ENDPOINT",
        "LITEKEEP_RUN_ENDPOINT",
    ]:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True, scope="session")
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps audit lines of tests and their processes out of the user's state folder, and blocks the metadata server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        patch.setenv("GCE_METADATA_HOST", "127.0.0.1:1")  # nothing listens there
        yield
