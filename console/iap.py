"""Identity-Aware Proxy: identifies the caller by the signed header only.

Source: "Securing your app with signed headers". The unsigned x-goog-authenticated-user-* headers are ignored.
"""

import time
from collections.abc import Callable, Sequence
from threading import Lock

import jwt
from flask import Request

from console.identity import LONGEST_ADDRESS, Caller, NotIdentified
from shared.settings import iap_endpoint

HEADER = "X-Goog-IAP-JWT-Assertion"
ISSUER = "https://cloud.google.com/iap"
_KEYS = "https://www.gstatic.com/iap/verify/public_key-jwk"
_SKEW = 30  # seconds
_LONGEST_LIFETIME = 600 + 2 * _SKEW  # seconds; IAP signs for ten minutes
_LARGEST_HEADER = 8 << 10  # bytes
_REFETCH_AFTER = 60.0  # seconds between two fetches because of an unknown key id

Key = jwt.PyJWK


class GoogleKeys:
    """IAP's public keys by id, cached for an hour. An unknown id causes another fetch at most once a minute."""

    def __init__(self, url: str | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        endpoint = iap_endpoint()
        self._client = jwt.PyJWKClient(
            url or (f"http://{endpoint}/keys" if endpoint else _KEYS), lifespan=3600, timeout=5
        )
        self._monotonic = monotonic
        self._refetched_at = -_REFETCH_AFTER
        self._lock = Lock()

    def __call__(self, kid: str) -> Key | None:
        """Returns the key of that id, or None. Raises PyJWTError when the keys cannot be fetched."""
        found = self._in(self._client.get_signing_keys(), kid)
        if found is not None:
            return found
        with self._lock:
            if self._monotonic() - self._refetched_at < _REFETCH_AFTER:
                return None
            self._refetched_at = self._monotonic()
        return self._in(self._client.get_signing_keys(refresh=True), kid)

    @staticmethod
    def _in(keys: Sequence[Key], kid: str) -> Key | None:
        return next((key for key in keys if key.key_id == kid), None)


class IapGate:
    """Identifies callers by IAP's header. `audiences`: those of this service, matched exactly."""

    secure = True

    def __init__(self, audiences: Sequence[str], keys: Callable[[str], Key | None]) -> None:
        self._audiences = frozenset(audiences)
        self._keys = keys

    def identify(self, request: Request) -> Caller:
        """Returns the caller. Raises NotIdentified, with nothing of the header in its message."""
        sent = request.headers.getlist(HEADER)
        if len(sent) != 1 or not sent[0] or len(sent[0]) > _LARGEST_HEADER:
            raise NotIdentified("the request did not come through Identity-Aware Proxy")
        try:
            claims = self._claims(sent[0])
        except jwt.PyJWTError as error:
            raise NotIdentified(f"the identity of the request was rejected: {_why(error)}") from None
        email = claims["email"]
        if (
            not isinstance(email, str)
            or not 3 <= len(email) <= LONGEST_ADDRESS
            or not email.isprintable()
            or "@" not in email
        ):
            raise NotIdentified("the identity of the request contains no mail address")
        return Caller(email.lower())

    def _claims(self, token: str) -> dict[str, object]:
        header = jwt.get_unverified_header(token)
        kid = header.get("kid")
        if header.get("alg") != "ES256" or not isinstance(kid, str):
            raise jwt.InvalidAlgorithmError
        key = self._keys(kid)
        if key is None:
            raise jwt.InvalidKeyError
        claims: dict[str, object] = jwt.decode(
            token,
            key.key,
            algorithms=["ES256"],
            audience=list(self._audiences),
            issuer=ISSUER,
            leeway=_SKEW,
            options={"require": ["exp", "iat", "iss", "aud", "sub", "email"]},
        )
        if not isinstance(claims["aud"], str):  # IAP never signs for several services at once
            raise jwt.InvalidAudienceError
        if not 0 < float(str(claims["exp"])) - float(str(claims["iat"])) <= _LONGEST_LIFETIME:
            raise jwt.ImmatureSignatureError
        return claims


def _why(error: jwt.PyJWTError) -> str:
    known = {
        jwt.ExpiredSignatureError: "it has expired",
        jwt.InvalidAudienceError: "it is for another service",
        jwt.InvalidIssuerError: "it is from another issuer",
        jwt.InvalidAlgorithmError: "it is not signed as IAP signs",
        jwt.InvalidKeyError: "it is signed with a key that IAP does not publish",
        jwt.InvalidSignatureError: "its signature is wrong",
        jwt.ImmatureSignatureError: "it is not valid yet, or valid for longer than IAP signs",
        jwt.MissingRequiredClaimError: "a required claim is missing",
        jwt.PyJWKClientError: "IAP's public keys cannot be fetched",
    }
    return next((text for kind, text in known.items() if isinstance(error, kind)), "it cannot be read")
