"""`litekeep console`: a one-time token admits one browser on this machine."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from console.serve import listening, on_laptop
from shared.errors import LitekeepError
from shared.settings import read_settings

BASE = "http://127.0.0.1:8080"


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[FlaskClient, str]:
    monkeypatch.chdir(tmp_path)
    app, address = on_laptop(read_settings(), "ana", 8080, may_change=False)
    return app.test_client(), address.removeprefix(BASE)


def test_one_time_token_admits_one_browser(opened: tuple[FlaskClient, str]) -> None:
    client, path = opened
    other = client.application.test_client()
    assert client.get("/", base_url=BASE).status_code == 401

    answer = client.get(path, base_url=BASE)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "ana" in client.get("/", base_url=BASE).text
    assert other.get(path, base_url=BASE).status_code == 401
    assert other.get("/", base_url=BASE).status_code == 401


@pytest.mark.parametrize("token", ["", "x", "%00", "\N{SNOWMAN}"])
def test_wrong_token_is_rejected(opened: tuple[FlaskClient, str], token: str) -> None:
    client, path = opened

    assert client.get(f"/open?token={token}", base_url=BASE).status_code == 401
    assert client.get(path, base_url=BASE).status_code == 303


def test_foreign_host_header_is_rejected(opened: tuple[FlaskClient, str]) -> None:
    client, path = opened
    client.get(path, base_url=BASE)

    for host in ("evil.example.com:8080", "localhost.example.com:8080"):
        assert client.get("/", base_url=f"http://{host}").status_code == 421, host
        assert client.get(path, base_url=f"http://{host}").status_code == 421, host


def test_listens_on_loopback_only_and_reports_a_port_in_use() -> None:
    with listening(0) as there:
        address, port = there.getsockname()
        assert address == "127.0.0.1"
        with pytest.raises(LitekeepError, match="another program uses it: name another --port"):
            listening(port)
