"""Signing keys: a file that only its owner can read, or a version in Cloud KMS with Google's client."""

from collections.abc import Callable
from pathlib import Path

import google_crc32c
import grpc  # type: ignore[import-untyped]
import pytest

from shared.errors import KeyProblem, UsageError
from shared.keys.keyfile import KeyFile
from shared.keys.kms_signing import CloudSigner
from shared.keys.signing import SigningFile, open_signer
from shared.statements.envelope import StatementKind, sign, verify
from tests.servers.kms.fixture import KEY, SIGNING_KEY, SIGNING_URI, URI
from tests.servers.kms.server import Damage, KmsServer, Right

MESSAGE = b"what is signed"


@pytest.fixture
def ana(kms: KmsServer) -> Callable[..., CloudSigner]:
    kms.add_key(SIGNING_KEY, signing=True)

    def signer(uri: str = SIGNING_URI, patience: float = 10.0) -> CloudSigner:
        return CloudSigner(uri, endpoint=kms.endpoint, patience=patience)

    return signer


def test_file_key_signs_and_its_public_key_verifies(tmp_path: Path) -> None:
    made = SigningFile.create(tmp_path / "new" / "ana.key")
    read = open_signer(f"file:{tmp_path}/new/ana.key")
    assert read.public == made.public
    assert made.public.verifies(MESSAGE, read.sign(MESSAGE))
    assert (tmp_path / "new" / "ana.key").stat().st_mode & 0o777 == 0o600


def test_signing_key_file_never_overwrites_an_existing_file(tmp_path: Path) -> None:
    SigningFile.create(tmp_path / "key")
    before = (tmp_path / "key").read_bytes()
    with pytest.raises(UsageError, match="it exists"):
        SigningFile.create(tmp_path / "key")
    assert (tmp_path / "key").read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o602, 0o660])
def test_signing_key_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    SigningFile.create(tmp_path / "key")
    (tmp_path / "key").chmod(mode)
    with pytest.raises((KeyProblem, UsageError), match="chmod"):
        open_signer(f"file:{tmp_path}/key")


def test_malformed_signing_key_file_is_refused_without_quoting_it(tmp_path: Path) -> None:
    KeyFile.create(tmp_path / "wrapping")
    (tmp_path / "text").write_text("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n")
    (tmp_path / "text").chmod(0o600)
    for name in ("wrapping", "text"):
        with pytest.raises(KeyProblem, match="is not a key that `litekeep keygen --signing` made") as refused:
            open_signer(f"file:{tmp_path}/{name}")
        assert refused.value.__suppress_context__ or refused.value.__context__ is None
        assert "c2VjcmV0" not in str(refused.value)
    with pytest.raises(KeyProblem, match=r"is missing.*BACKUP_SIGNING_KEY"):
        open_signer(f"file:{tmp_path}/none")


def test_kms_signature_verifies_offline(ana: Callable[..., CloudSigner], kms: KmsServer) -> None:
    raw = sign(ana(), StatementKind.DECISION, b"{}")
    public = ana().public
    kms.rights = set()
    assert verify(raw, StatementKind.DECISION, [public]).key == public


def test_sign_request_carries_its_checksum(ana: Callable[..., CloudSigner], kms: KmsServer) -> None:
    ana().sign(MESSAGE)
    (request,) = (call.request for call in kms.calls if call.method == "AsymmetricSign")
    assert request.name == f"{SIGNING_KEY}/cryptoKeyVersions/1"
    assert request.digest_crc32c == google_crc32c.value(request.digest.sha256)


@pytest.mark.parametrize("damage", [damage for damage in Damage if damage is not Damage.CONTEXT_UNVERIFIED])
def test_damaged_signature_is_retried_then_refused(
    ana: Callable[..., CloudSigner], kms: KmsServer, damage: Damage
) -> None:
    key = ana()
    public = key.public
    kms.fail(damage)
    assert public.verifies(MESSAGE, key.sign(MESSAGE))
    kms.fail(*[damage] * 9)
    with pytest.raises(KeyProblem, match="4 answers in a row were damaged"):
        key.sign(MESSAGE)


@pytest.mark.parametrize("damage", [Damage.CHANGED_CONTENT, Damage.WRONG_CRC, Damage.NO_CRC, Damage.WRONG_NAME])
def test_damaged_public_key_is_retried_then_refused(
    ana: Callable[..., CloudSigner], kms: KmsServer, damage: Damage
) -> None:
    kms.fail(damage)
    assert ana().public == ana().public
    kms.fail(*[damage] * 4)
    with pytest.raises(KeyProblem, match="4 answers in a row were damaged"):
        _ = ana().public


def test_signing_error_names_the_missing_role(ana: Callable[..., CloudSigner], kms: KmsServer) -> None:
    for missing in (Right.SIGN, Right.VIEW):
        kms.rights = set(Right) - {missing}
        with pytest.raises(KeyProblem, match=r"permission denied.*roles/cloudkms.signerVerifier"):
            ana().sign(MESSAGE)


def test_disabled_missing_or_wrapping_key_version_is_reported(ana: Callable[..., CloudSigner], kms: KmsServer) -> None:
    with pytest.raises(KeyProblem, match="there is no such key: set BACKUP_SIGNING_KEY"):
        ana(SIGNING_URI.replace("/1", "/2")).sign(MESSAGE)
    with pytest.raises(KeyProblem, match="EC_SIGN_P256_SHA256"):
        ana(f"{URI}/cryptoKeyVersions/1").sign(MESSAGE)
    kms.keys[SIGNING_KEY].disable(1)
    with pytest.raises(KeyProblem, match="it is DISABLED"):
        ana().sign(MESSAGE)
    assert KEY in kms.keys


@pytest.mark.parametrize("status", [status for status in grpc.StatusCode if status is not grpc.StatusCode.OK])
def test_every_signing_error_is_one_line_with_the_key(
    ana: Callable[..., CloudSigner], kms: KmsServer, status: grpc.StatusCode
) -> None:
    key = ana(patience=0.05)
    key.public = ana().public  # fetched with the usual patience: a busy machine may take longer than 0.05 s
    kms.fail(*[status] * 30)
    with pytest.raises(KeyProblem, match=SIGNING_KEY) as refused:
        key.sign(MESSAGE)
    assert "\n" not in str(refused.value)


def test_endpoint_setting_is_used(
    ana: Callable[..., CloudSigner], kms: KmsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITEKEEP_KMS_ENDPOINT", kms.endpoint)
    key = open_signer(SIGNING_URI)
    assert key.public.verifies(MESSAGE, key.sign(MESSAGE))
