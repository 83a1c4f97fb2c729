"""A signed statement is accepted only unchanged, as its own kind, and with a signature of a given key."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import NotGood, UsageError
from shared.keys.signing import SigningFile
from shared.statements.envelope import Signer, StatementKind, add_signature, open_statement, sign, verify
from shared.statements.public_key import PublicKey

PAYLOAD = b'{"backup": "one"}'


class P256:
    """A signer with a P-256 key in memory."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.public = PublicKey(self._key.public_key())

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message, ec.ECDSA(hashes.SHA256()))


ANA, BEN, CLOUD = SigningFile(Ed25519PrivateKey.generate()), SigningFile(Ed25519PrivateKey.generate()), P256()
SIGNERS: list[Signer] = [ANA, CLOUD]


@pytest.mark.parametrize("signer", SIGNERS)
@pytest.mark.parametrize("kind", StatementKind)
def test_verify_returns_the_payload_and_the_signing_key(signer: Signer, kind: StatementKind) -> None:
    found = verify(sign(signer, kind, PAYLOAD), kind, [BEN.public, signer.public])
    assert (found.payload, found.key, found.document()) == (PAYLOAD, signer.public, {"backup": "one"})


def test_signed_bytes_follow_the_dsse_specification() -> None:
    class Seen:
        public = ANA.public

        def sign(self, message: bytes) -> bytes:
            assert message == b"DSSEv1 37 application/vnd.litekeep.verdict+json 17 " + PAYLOAD
            return ANA.sign(message)

    verify(sign(Seen(), StatementKind.VERDICT, PAYLOAD), StatementKind.VERDICT, [ANA.public])


@pytest.mark.parametrize("kind", StatementKind)
def test_statement_of_another_kind_is_refused(kind: StatementKind) -> None:
    raw = sign(ANA, StatementKind.REQUEST, PAYLOAD)
    if kind is StatementKind.REQUEST:
        return
    with pytest.raises(NotGood, match="of another kind"):
        verify(raw, kind, [ANA.public])
    relabelled = json.loads(raw) | {"payloadType": kind.payload_type}
    with pytest.raises(NotGood, match="changed since it was signed, or its signature is forged"):
        verify(json.dumps(relabelled).encode(), kind, [ANA.public])


def test_signature_of_an_unknown_key_is_refused() -> None:
    raw = sign(ANA, StatementKind.REQUEST, PAYLOAD)
    for keys in ([BEN.public], [CLOUD.public], []):
        with pytest.raises(NotGood, match="an unknown key"):
            verify(raw, StatementKind.REQUEST, keys)


def test_signature_under_the_id_of_another_key_is_refused() -> None:
    envelope = json.loads(sign(ANA, StatementKind.REQUEST, PAYLOAD))
    envelope["signatures"][0]["keyid"] = BEN.public.id
    with pytest.raises(NotGood, match="forged"):
        verify(json.dumps(envelope).encode(), StatementKind.REQUEST, [ANA.public, BEN.public])


def test_several_keys_sign_one_statement_and_each_counts_once() -> None:
    raw = add_signature(sign(ANA, StatementKind.POLICY, PAYLOAD, [CLOUD]), StatementKind.POLICY, BEN)
    raw = add_signature(raw, StatementKind.POLICY, BEN)
    found = verify(raw, StatementKind.POLICY, [BEN.public, CLOUD.public, ANA.public])
    assert set(found.keys) == {ANA.public, BEN.public, CLOUD.public}
    assert len(json.loads(raw)["signatures"]) == 3


@pytest.mark.parametrize("signer", SIGNERS)
@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, 300), new=st.integers(0, 255))
def test_changed_byte_never_changes_the_verified_payload(signer: Signer, at: int, new: int) -> None:
    raw = sign(signer, StatementKind.VERDICT, PAYLOAD)
    changed = raw[:at] + bytes([new]) + raw[at + 1 :]
    try:
        assert verify(changed, StatementKind.VERDICT, [signer.public]).payload == PAYLOAD
    except NotGood:
        assert changed != raw


WRONG: list[Any] = [
    b"",
    b"[]",
    b"[" * 100_000,
    b"\xff",
    b"{}",
    b'{"payloadType": 1, "payload": "", "signatures": []}',
    b" " * (1 << 20) + b"{}",
]


@pytest.mark.parametrize("raw", WRONG)
def test_input_that_is_not_an_envelope_gives_a_one_line_error(raw: bytes) -> None:
    for read in (
        lambda: verify(raw, StatementKind.USED, [ANA.public]),
        lambda: open_statement(raw, StatementKind.USED),
    ):
        with pytest.raises(NotGood, match="this used ") as caught:
            read()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"signatures": []},
        {"signatures": None},
        {"signatures": [{}]},
        {"signatures": [{"keyid": 1, "sig": ""}]},
        {"signatures": [{"keyid": ANA.public.id, "sig": "%"}]},
        {"signatures": [{"keyid": ANA.public.id, "sig": ""}] * 17},
        {"payload": "%"},
        {"payload": 7},
        {"more": 1},
    ],
)
def test_malformed_envelope_is_refused(change: dict[str, Any]) -> None:
    envelope = json.loads(sign(ANA, StatementKind.USED, PAYLOAD)) | change
    with pytest.raises(NotGood):
        verify(json.dumps(envelope).encode(), StatementKind.USED, [ANA.public])


def test_duplicate_json_names_are_refused() -> None:
    raw = sign(ANA, StatementKind.USED, PAYLOAD)
    other = b'{"payload": "' + base64.b64encode(b"{}") + b'",'
    with pytest.raises(NotGood):
        verify(raw.replace(b"{", other, 1), StatementKind.USED, [ANA.public])
    with pytest.raises(NotGood):
        verify(sign(ANA, StatementKind.USED, b'{"a": 1, "a": 2}'), StatementKind.USED, [ANA.public]).document()


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "\udcff",
        "x" * 5000,
        "-----BEGIN PUBLIC KEY-----\nMCowBQ==\n-----END PUBLIC KEY-----\n",
        ec.generate_private_key(ec.SECP384R1()).public_key(),
        rsa.generate_private_key(65537, 2048).public_key(),
    ],
)
def test_only_ed25519_and_p256_keys_are_accepted(pem: Any) -> None:
    text = pem if isinstance(pem, str) else pem.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(UsageError, match="it is"):
        PublicKey.read(text)


@pytest.mark.parametrize("signer", SIGNERS)
def test_key_does_not_depend_on_the_format_of_its_pem(signer: Signer) -> None:
    pem = signer.public.pem
    assert PublicKey.read("\r\n" + pem.replace("\n", "\r\n") + "\n") == signer.public
    assert PublicKey.read(pem).id == signer.public.id != BEN.public.id
