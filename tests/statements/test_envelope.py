"""A signed statement is what was signed, as that kind, by one of the keys asked about; or it is none."""

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
from shared.statements import PublicKey, Signer, StatementKind, add_signature, open_statement, sign, verify

PAYLOAD = b'{"backup": "one"}'


class P256:
    """A P-256 key in memory, as a signer."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.public = PublicKey(self._key.public_key())

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message, ec.ECDSA(hashes.SHA256()))


ANA, BEN, CLOUD = SigningFile(Ed25519PrivateKey.generate()), SigningFile(Ed25519PrivateKey.generate()), P256()
SIGNERS: list[Signer] = [ANA, CLOUD]


@pytest.mark.parametrize("signer", SIGNERS)
@pytest.mark.parametrize("kind", StatementKind)
def test_what_was_signed_comes_back_with_the_key_that_signed(signer: Signer, kind: StatementKind) -> None:
    found = verify(sign(signer, kind, PAYLOAD), kind, [BEN.public, signer.public])
    assert (found.payload, found.key, found.document()) == (PAYLOAD, signer.public, {"backup": "one"})


def test_the_bytes_that_are_signed_are_those_of_the_dsse_specification() -> None:
    class Seen:
        public = ANA.public

        def sign(self, message: bytes) -> bytes:
            assert message == b"DSSEv1 37 application/vnd.litekeep.verdict+json 17 " + PAYLOAD
            return ANA.sign(message)

    verify(sign(Seen(), StatementKind.VERDICT, PAYLOAD), StatementKind.VERDICT, [ANA.public])


@pytest.mark.parametrize("kind", StatementKind)
def test_a_statement_of_one_kind_is_none_of_another(kind: StatementKind) -> None:
    raw = sign(ANA, StatementKind.REQUEST, PAYLOAD)
    if kind is StatementKind.REQUEST:
        return
    with pytest.raises(NotGood, match="of another kind"):
        verify(raw, kind, [ANA.public])
    relabelled = json.loads(raw) | {"payloadType": kind.payload_type}
    with pytest.raises(NotGood, match="changed since it was signed, or its signature is forged"):
        verify(json.dumps(relabelled).encode(), kind, [ANA.public])


def test_who_is_not_asked_about_signs_for_nothing() -> None:
    raw = sign(ANA, StatementKind.REQUEST, PAYLOAD)
    for keys in ([BEN.public], [CLOUD.public], []):
        with pytest.raises(NotGood, match="an unknown key"):
            verify(raw, StatementKind.REQUEST, keys)


def test_a_signature_under_the_name_of_another_key_is_none() -> None:
    envelope = json.loads(sign(ANA, StatementKind.REQUEST, PAYLOAD))
    envelope["signatures"][0]["keyid"] = BEN.public.id
    with pytest.raises(NotGood, match="forged"):
        verify(json.dumps(envelope).encode(), StatementKind.REQUEST, [ANA.public, BEN.public])


def test_several_sign_the_same_and_each_counts_once() -> None:
    raw = add_signature(sign(ANA, StatementKind.POLICY, PAYLOAD, [CLOUD]), StatementKind.POLICY, BEN)
    raw = add_signature(raw, StatementKind.POLICY, BEN)
    found = verify(raw, StatementKind.POLICY, [BEN.public, CLOUD.public, ANA.public])
    assert set(found.keys) == {ANA.public, BEN.public, CLOUD.public}
    assert len(json.loads(raw)["signatures"]) == 3


@pytest.mark.parametrize("signer", SIGNERS)
@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, 300), new=st.integers(0, 255))
def test_no_changed_byte_changes_what_is_believed(signer: Signer, at: int, new: int) -> None:
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
def test_what_is_no_envelope_is_told_in_one_line(raw: bytes) -> None:
    for read in (
        lambda: verify(raw, StatementKind.USED, [ANA.public]),
        lambda: open_statement(raw, StatementKind.USED),
    ):
        with pytest.raises(NotGood, match="this used ") as told:
            read()
        assert "\n" not in str(told.value)


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
def test_an_envelope_with_anything_else_in_it_is_refused(change: dict[str, Any]) -> None:
    envelope = json.loads(sign(ANA, StatementKind.USED, PAYLOAD)) | change
    with pytest.raises(NotGood):
        verify(json.dumps(envelope).encode(), StatementKind.USED, [ANA.public])


def test_a_name_that_stands_twice_is_refused() -> None:
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
def test_only_ed25519_and_p256_are_keys(pem: Any) -> None:
    text = pem if isinstance(pem, str) else pem.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(UsageError, match="it is"):
        PublicKey.read(text)


@pytest.mark.parametrize("signer", SIGNERS)
def test_a_key_is_the_same_however_it_is_written(signer: Signer) -> None:
    pem = signer.public.pem
    assert PublicKey.read("\r\n" + pem.replace("\n", "\r\n") + "\n") == signer.public
    assert PublicKey.read(pem).id == signer.public.id != BEN.public.id
