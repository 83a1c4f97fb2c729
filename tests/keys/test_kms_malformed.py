"""Malformed replies of Cloud KMS: each is one error line about the key, without Python's own error text."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from google.cloud.kms_v1.types import resources, service

from shared.errors import LitekeepError
from shared.keys.kms import CloudKey
from shared.keys.kms_signing import CloudSigner
from tests.servers.kms.fixture import KEY, SIGNING_URI, URI
from tests.servers.rpc import serving

_RAW = SimpleNamespace(serialize=bytes)
_REPLIES: dict[str, bytes] = {
    "nothing": b"",
    "no message": b"\xff" * 64,
    "text": b"<html>502 Bad Gateway</html>",
    "cut": service.EncryptResponse.serialize(
        service.EncryptResponse(name=f"{KEY}/cryptoKeyVersions/1", ciphertext=b"x" * 40)
    )[:-7],
    "a name that is no UTF-8": b"\x0a\x02\xff\xfe",
    "a number where text belongs": b"\x08\x01\x10\x01",
    "a state that nobody knows": service.ListCryptoKeyVersionsResponse.serialize(
        service.ListCryptoKeyVersionsResponse(
            crypto_key_versions=[resources.CryptoKeyVersion(name=f"{KEY}/cryptoKeyVersions/1", state=77)]
        )
    ),
    "a key that is none": resources.PublicKey.serialize(
        resources.PublicKey(name=SIGNING_URI.removeprefix("gcp-kms://"), pem="no key", algorithm=12)
    ),
    "a megabyte of zeroes": bytes(1 << 20),
    "more than a reply may have": bytes(5 << 20),
}
_CALLS: dict[str, Callable[[str], object]] = {
    "wrap": lambda endpoint: CloudKey(URI, endpoint=endpoint, patience=0.3).wrap(b"secret", b"for"),
    "unwrap": lambda endpoint: CloudKey(URI, endpoint=endpoint, patience=0.3).unwrap(b"wrapped", b"for"),
    "states": lambda endpoint: CloudKey(URI, endpoint=endpoint, patience=0.3).version_states(),
    "public key": lambda endpoint: CloudSigner(SIGNING_URI, endpoint=endpoint, patience=0.3).public,
    "sign": lambda endpoint: CloudSigner(SIGNING_URI, endpoint=endpoint, patience=0.3).sign(b"message"),
}
_REQUESTS = {
    "Encrypt": service.EncryptRequest,
    "Decrypt": service.DecryptRequest,
    "ListCryptoKeyVersions": service.ListCryptoKeyVersionsRequest,
    "AsymmetricSign": service.AsymmetricSignRequest,
    "GetPublicKey": service.GetPublicKeyRequest,
}
# Not errors: a key may have no versions, and Cloud KMS may introduce a state that the client does not know.
_EXPECTED = {
    ("states", "nothing"): {},
    ("states", "a number where text belongs"): {},
    ("states", "a state that nobody knows"): {f"{URI}/cryptoKeyVersions/1": "UNKNOWN_77"},
}


@pytest.mark.parametrize("call", _CALLS)
@pytest.mark.parametrize("reply", _REPLIES)
def test_malformed_reply_is_reported_with_the_key(reply: str, call: str) -> None:
    methods = {name: (lambda _request, _context: _REPLIES[reply], request, _RAW) for name, request in _REQUESTS.items()}
    with serving("google.cloud.kms.v1.KeyManagementService", methods) as endpoint:
        if (call, reply) in _EXPECTED:
            assert _CALLS[call](endpoint) == _EXPECTED[call, reply]
            return
        with pytest.raises(LitekeepError, match=r"^Cloud KMS( key|:)") as refused:
            _CALLS[call](endpoint)
    assert "secret" not in str(refused.value)
    assert not any(word in str(refused.value) for word in ("Error", "Traceback", "object", "NoneType", "\n"))
