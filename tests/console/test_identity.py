"""Identity-Aware Proxy: only its signed header identifies a caller."""

import base64
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from console.iap import HEADER, GoogleKeys
from console.serve import behind_iap
from shared.errors import NotPermitted, UsageError
from shared.settings import read_settings
from tests.console.issuer import AUDIENCE, Issuer
from tests.console.site import BASE, Site

BALANCER = "/projects/123456789/global/backendServices/42"


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _unsigned(issuer: Issuer) -> str:
    parts = [{"alg": "none", "typ": "JWT", "kid": issuer.kid}, issuer.claims("ana@example.com")]
    return ".".join(_base64(json.dumps(each).encode()) for each in parts) + "."


def _by_another_key(issuer: Issuer, kid: str | None = None) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return jwt.encode(issuer.claims("ana@example.com"), key, "ES256", headers={"kid": kid or issuer.kid})


def _hs256(issuer: Issuer) -> str:
    """Signs with the public key as an HMAC secret: everybody knows it."""
    parts = [{"alg": "HS256", "typ": "JWT", "kid": issuer.kid}, issuer.claims("ana@example.com")]
    signed = ".".join(_base64(json.dumps(each).encode()) for each in parts)
    pem = issuer.keys[issuer.kid].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return f"{signed}.{_base64(hmac.digest(pem, signed.encode(), 'sha256'))}"


def _changed(issuer: Issuer) -> str:
    head, _, signature = issuer.token("ben@example.com").split(".")
    return ".".join([head, issuer.token("ana@example.com").split(".")[1], signature])


class _Now(int):
    """Seconds relative to the moment of the test, not to the import of this module."""


FORGED = {
    "signed by another key": _by_another_key,
    "signed by an unpublished key": lambda issuer: _by_another_key(issuer, "key-99"),
    "alg none": _unsigned,
    "HS256 with the public key": _hs256,
    "claims of another person with this signature": _changed,
    "not a token": lambda _: "e30.e30.e30",
    "too long": lambda issuer: issuer.token() + "A" * 9000,
}
WRONG: dict[str, dict[str, Any]] = {
    "another audience": {"aud": AUDIENCE + "-two"},
    "a prefix of the audience": {"aud": AUDIENCE[:-1]},
    "a list of audiences": {"aud": [AUDIENCE, "/projects/1/global/backendServices/2"]},
    "another issuer": {"iss": "https://accounts.google.com"},
    "expired": {"iat": _Now(-700), "exp": _Now(-100)},
    "not valid yet": {"iat": _Now(300), "exp": _Now(900)},
    "valid for a year": {"exp": _Now(365 * 86400)},
    "no audience": {"aud": None},
    "no expiry": {"exp": None},
    "no issuer": {"iss": None},
    "no person": {"email": None},
    "no subject": {"sub": None},
    "a person that is not a string": {"email": ["ana@example.com"]},
    "a person with a line break": {"email": "ana@example.com\r\nX: 1"},
}


def test_person_of_the_iap_header_is_admitted(site: Site) -> None:
    answer = site.get("/", "Ana@Example.com")

    assert answer.status_code == 200
    assert "ana@example.com" in answer.text


def test_unsigned_iap_headers_alone_are_rejected(site: Site) -> None:
    headers = {"X-Goog-Authenticated-User-Email": "accounts.google.com:ana@example.com"}
    answer = site.client.get("/", base_url=BASE, headers=headers)

    assert answer.status_code == 401
    assert "app.db" not in answer.text


@pytest.mark.parametrize("kind", FORGED)
def test_forged_iap_header_is_rejected(site: Site, kind: str) -> None:
    answer = site.get("/", token=FORGED[kind](site.issuer))

    assert answer.status_code == 401
    assert "app.db" not in answer.text


@pytest.mark.parametrize("what", WRONG)
def test_token_with_wrong_claims_is_rejected(site: Site, what: str) -> None:
    now = int(time.time())
    wrong = {claim: now + each if isinstance(each, _Now) else each for claim, each in WRONG[what].items()}
    answer = site.get("/", token=site.issuer.token(**{"email": "ana@example.com", **wrong}))

    assert answer.status_code == 401
    assert "app.db" not in answer.text


def test_two_iap_headers_are_rejected(site: Site) -> None:
    headers = [(HEADER, site.issuer.token()), (HEADER, site.issuer.token("ben@example.com"))]

    assert site.client.get("/", base_url=BASE, headers=headers).status_code == 401


def test_clock_skew_is_tolerated(site: Site) -> None:
    late = site.issuer.token(iat=int(time.time()) - 615, exp=int(time.time()) - 15)
    early = site.issuer.token(iat=int(time.time()) + 15, exp=int(time.time()) + 615)

    assert site.get("/", token=late).status_code == 200
    assert site.get("/", token=early).status_code == 200


def test_exactly_the_configured_audiences_are_accepted(site: Site) -> None:
    site.more = {"BACKUP_CONSOLE_AUDIENCES": f"{AUDIENCE} {BALANCER}"}

    assert site.get("/", token=site.issuer.token(aud=BALANCER)).status_code == 200
    assert site.get("/", token=site.issuer.token()).status_code == 200
    assert site.get("/", token=site.issuer.token(aud=BALANCER + "1")).status_code == 401


def test_unknown_key_id_refetches_keys_at_most_once_a_minute(issuer: Issuer) -> None:
    now = 1000.0
    keys = GoogleKeys(monotonic=lambda: now)
    assert keys(issuer.kid) is not None
    assert issuer.fetched == 1

    issuer.rotate()
    assert keys(issuer.kid) is not None
    assert issuer.fetched == 2
    assert [keys(f"unknown-{number}") for number in range(50)] == [None] * 50
    assert issuer.fetched == 2

    now += 61
    assert keys("unknown") is None
    assert issuer.fetched == 3


def test_health_check_needs_no_identity_and_shows_no_data(site: Site) -> None:
    answer = site.client.get("/health", base_url=BASE)

    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_console_refuses_to_start_without_audiences(issuer: Issuer) -> None:
    with pytest.raises(UsageError, match="BACKUP_CONSOLE_AUDIENCES is not set"):
        behind_iap(read_settings())


def test_service_refuses_another_endpoint_for_iap_keys(issuer: Issuer) -> None:
    settings = read_settings(BACKUP_CONSOLE_AUDIENCES=(AUDIENCE,), K_SERVICE="litekeep-console")

    with pytest.raises(NotPermitted, match="LITEKEEP_IAP_ENDPOINT is refused in a service"):
        behind_iap(settings)


@pytest.mark.parametrize("value", ["*", AUDIENCE[1:], f"{AUDIENCE},{BALANCER}", AUDIENCE + "/x", "https://example.com"])
def test_malformed_audience_is_rejected(value: str) -> None:
    with pytest.raises(UsageError, match="BACKUP_CONSOLE_AUDIENCES is wrong"):
        read_settings(BACKUP_CONSOLE_AUDIENCES=value)
