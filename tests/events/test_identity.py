"""The actor of an event: read from Google's credentials if there are any, without secrets and without waiting."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from shared.runtime import cloud_run
from shared.settings import Settings
from shared.terminal.identity import actor_of, origin_of

ANSWERS = {
    "/computeMetadata/v1/instance/service-accounts/default/email": "backup@acme.iam.gserviceaccount.com",
    "/computeMetadata/v1/project/project-id": "acme",
}
ON_CLOUD_RUN = {
    "CLOUD_RUN_JOB": "backup-daily",
    "CLOUD_RUN_EXECUTION": "backup-daily-x7",
    "CLOUD_RUN_TASK_ATTEMPT": "1",
}


class _Metadata(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        known = ANSWERS.get(self.path) if self.headers["Metadata-Flavor"] == "Google" else None
        self.send_response(200 if known else 403)
        self.end_headers()
        self.wfile.write((known or "no").encode())

    def log_message(self, *_arguments: object) -> None:
        """Logs nothing."""


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:1")  # nobody listens there
    monkeypatch.chdir(tmp_path)
    cloud_run.metadata_value.cache_clear()
    yield
    cloud_run.metadata_value.cache_clear()


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Metadata) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("GCE_METADATA_HOST", f"127.0.0.1:{server.server_port}")
        yield
        server.shutdown()


def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str) -> None:
    (tmp_path / "key.json").write_text(content)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))


@pytest.mark.parametrize(
    ("content", "account"),
    [
        (
            {"type": "service_account", "client_email": "job@acme.iam", "private_key": "SECRET", "project_id": "acme"},
            "job@acme.iam",
        ),
        ({"type": "authorized_user", "account": "jane@acme.example", "refresh_token": "SECRET"}, "jane@acme.example"),
        (
            {
                "type": "impersonated_service_account",
                "service_account_impersonation_url": "https://x/v1/projects/-/serviceAccounts/ops@acme.iam:generateAccessToken",
                "source_credentials": {"refresh_token": "SECRET"},
            },
            "ops@acme.iam",
        ),
    ],
)
def test_account_of_the_credentials_file_is_the_actor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: dict[str, object], account: str
) -> None:
    credentials(monkeypatch, tmp_path, json.dumps(content))
    assert actor_of(Settings()) == account


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"account": ""}', '{"client_email": "SECRET"}', '{"account": 3}'])
def test_credentials_file_without_account_leaves_the_system_user_as_actor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    user = actor_of(Settings())
    credentials(monkeypatch, tmp_path, content)
    assert actor_of(Settings()) == user != ""


@pytest.mark.usefixtures("metadata")
def test_cloud_run_job_acts_as_its_service_account_and_labels_its_lines() -> None:
    settings = Settings(**ON_CLOUD_RUN)
    assert actor_of(settings) == "backup@acme.iam.gserviceaccount.com"
    origin = origin_of(settings)
    assert origin.labels == {
        "job": "backup-daily",
        "execution": "backup-daily-x7",
        "task_index": "0",
        "task_attempt": "1",
    }
    assert origin.trace is not None
    assert origin.trace.startswith("projects/acme/traces/")
    assert len(origin.trace.rpartition("/")[2]) == 32
    assert origin == origin_of(settings)


def test_without_metadata_server_the_job_is_the_actor_and_there_is_no_trace() -> None:
    settings = Settings(**ON_CLOUD_RUN)
    assert "backup-daily" in actor_of(settings)
    assert origin_of(settings).trace is None


def test_lines_outside_cloud_run_have_no_labels() -> None:
    assert origin_of(Settings()).to_json() == {}
