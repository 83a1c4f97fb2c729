"""Keys in Cloud KMS, with Google's client and a local server: checksums, retries and error lines."""

from functools import partial

import google_crc32c
import grpc  # type: ignore[import-untyped]
import pytest
from google.cloud import kms_v1
from google.cloud.kms_v1.services.key_management_service.transports import KeyManagementServiceGrpcTransport

from shared.archive.data_key import DataKey
from shared.errors import KeyProblem, LitekeepError, NotGood, UsageError
from shared.keys import open_key
from shared.keys.kms import CloudKey
from shared.settings import kms_endpoint
from tests.archive.builders import LATER, NAME
from tests.servers.kms.fixture import KEY, URI
from tests.servers.kms.server import Damage, KmsServer, Right

SECRET = b"a data key"
CONTEXT = b"what it is for"
DOWN = grpc.StatusCode.UNAVAILABLE


def cloud_key(server: KmsServer, uri: str = URI, patience: float = 10.0) -> CloudKey:
    return CloudKey(uri, endpoint=server.endpoint, patience=patience)


def test_wrapped_secret_is_unwrapped_by_another_client(kms: KmsServer) -> None:
    wrapped = cloud_key(kms).wrap(SECRET, CONTEXT)
    assert SECRET not in wrapped
    assert cloud_key(kms).unwrap(wrapped, CONTEXT) == SECRET


def test_custom_client_can_be_passed(kms: KmsServer) -> None:
    with grpc.insecure_channel(kms.endpoint) as channel:
        transport = KeyManagementServiceGrpcTransport(channel=channel)
        key = CloudKey(URI, client=kms_v1.KeyManagementServiceClient(transport=transport))
        assert key.unwrap(key.wrap(SECRET, CONTEXT), CONTEXT) == SECRET


def test_key_name_is_the_version_of_the_last_wrap(kms: KmsServer) -> None:
    key = cloud_key(kms)
    assert key.name == URI
    key.wrap(SECRET, CONTEXT)
    assert key.name == f"{URI}/cryptoKeyVersions/1"
    kms.keys[KEY].rotate()
    key.wrap(SECRET, CONTEXT)
    assert key.name == f"{URI}/cryptoKeyVersions/2"


def test_data_key_unwraps_after_key_rotation(kms: KmsServer) -> None:
    encryption = DataKey.generate().wrap(cloud_key(kms), NAME)
    kms.keys[KEY].rotate()
    assert encryption.key == f"{URI}/cryptoKeyVersions/1"
    DataKey.unwrap(encryption, cloud_key(kms), NAME)
    with pytest.raises(NotGood, match="another backup"):
        DataKey.unwrap(encryption, cloud_key(kms), LATER)


def test_requests_carry_checksums_and_name_the_key_not_a_version(kms: KmsServer) -> None:
    key = cloud_key(kms)
    wrapped = key.wrap(SECRET, CONTEXT)
    key.unwrap(wrapped, CONTEXT)
    encrypt, decrypt = (call.request for call in kms.calls)
    assert [call.method for call in kms.calls] == ["Encrypt", "Decrypt"]
    assert (encrypt.name, decrypt.name) == (KEY, KEY)
    assert encrypt.plaintext_crc32c == google_crc32c.value(SECRET)
    assert decrypt.ciphertext_crc32c == google_crc32c.value(wrapped)
    for request in (encrypt, decrypt):
        assert request.additional_authenticated_data == CONTEXT
        assert request.additional_authenticated_data_crc32c == google_crc32c.value(CONTEXT)


def test_wrap_needs_only_the_encrypter_role_and_unwrap_the_decrypter_role(kms: KmsServer) -> None:
    kms.rights = {Right.ENCRYPT}
    wrapped = cloud_key(kms).wrap(SECRET, CONTEXT)
    with pytest.raises(KeyProblem, match=r"permission denied.*roles/cloudkms.cryptoKeyDecrypter"):
        cloud_key(kms).unwrap(wrapped, CONTEXT)
    kms.rights = {Right.DECRYPT}
    assert cloud_key(kms).unwrap(wrapped, CONTEXT) == SECRET
    with pytest.raises(KeyProblem, match=r"permission denied.*roles/cloudkms.cryptoKeyEncrypter"):
        cloud_key(kms).wrap(SECRET, CONTEXT)


@pytest.mark.parametrize("damage", Damage)
def test_damaged_wrap_answer_is_retried(kms: KmsServer, damage: Damage) -> None:
    kms.fail(damage, damage)
    key = cloud_key(kms)
    wrapped = key.wrap(SECRET, CONTEXT)
    assert len(kms.calls) == 3
    assert key.unwrap(wrapped, CONTEXT) == SECRET


@pytest.mark.parametrize("damage", Damage)
def test_repeatedly_damaged_wrap_answers_are_refused(kms: KmsServer, damage: Damage) -> None:
    kms.fail(*[damage] * 9)
    key = cloud_key(kms)
    with pytest.raises(KeyProblem, match="answers in a row were damaged"):
        key.wrap(SECRET, CONTEXT)
    assert len(kms.calls) == 4
    assert key.name == URI


@pytest.mark.parametrize("damage", [Damage.CHANGED_CONTENT, Damage.WRONG_CRC, Damage.NO_CRC])
def test_damaged_unwrap_answer_is_retried_then_refused(kms: KmsServer, damage: Damage) -> None:
    key = cloud_key(kms)
    wrapped = key.wrap(SECRET, CONTEXT)
    kms.fail(damage)
    assert key.unwrap(wrapped, CONTEXT) == SECRET
    kms.fail(*[damage] * 9)
    with pytest.raises(KeyProblem, match="damaged"):
        key.unwrap(wrapped, CONTEXT)


@pytest.mark.parametrize(
    "status", [DOWN, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.INTERNAL, grpc.StatusCode.RESOURCE_EXHAUSTED]
)
def test_transient_error_is_retried(kms: KmsServer, status: grpc.StatusCode) -> None:
    kms.fail(status, status)
    assert cloud_key(kms).wrap(SECRET, CONTEXT)
    assert len(kms.calls) == 3


def test_unreachable_server_is_an_error_after_patience() -> None:
    server = KmsServer()
    with server.running():
        pass  # only to get a port on which nothing listens now
    with pytest.raises(KeyProblem, match=r"out of reach for 0\.3 s"):
        cloud_key(server, patience=0.3).wrap(SECRET, CONTEXT)


@pytest.mark.parametrize(("state", "word"), [("disable", "DISABLED"), ("destroy", "DESTROYED")])
def test_error_names_the_state_of_a_key_version_that_is_not_enabled(kms: KmsServer, state: str, word: str) -> None:
    key = cloud_key(kms)
    wrapped = key.wrap(SECRET, CONTEXT)
    getattr(kms.keys[KEY], state)(1)
    with pytest.raises(KeyProblem, match=f"it is {word}"):
        key.unwrap(wrapped, CONTEXT)
    with pytest.raises(KeyProblem, match=f"it is {word}"):
        key.wrap(SECRET, CONTEXT)
    kms.keys[KEY].rotate()
    assert key.unwrap(key.wrap(SECRET, CONTEXT), CONTEXT) == SECRET


def test_reenabled_key_version_unwraps_again(kms: KmsServer) -> None:
    key = cloud_key(kms)
    wrapped = key.wrap(SECRET, CONTEXT)
    kms.keys[KEY].disable(1)
    kms.keys[KEY].enable(1)
    assert key.unwrap(wrapped, CONTEXT) == SECRET


def test_missing_key_is_reported(kms: KmsServer) -> None:
    with pytest.raises(KeyProblem, match="there is no such key"):
        cloud_key(kms, URI + "2").wrap(SECRET, CONTEXT)


def test_unwrap_refuses_wrong_key_context_or_content(kms: KmsServer) -> None:
    kms.add_key(KEY + "2")
    key, other = cloud_key(kms), cloud_key(kms, URI + "2")
    wrapped = key.wrap(SECRET, CONTEXT)
    changed = wrapped[:-1] + bytes([wrapped[-1] ^ 1])
    for used, content, context in (
        (other, wrapped, CONTEXT),
        (key, wrapped, b""),
        (key, wrapped, CONTEXT + b"."),
        (key, changed, CONTEXT),
        (key, wrapped[:-1], CONTEXT),
        (key, b"", CONTEXT),
    ):
        with pytest.raises(NotGood, match="did not wrap this, or it was changed"):
            used.unwrap(content, context)


@pytest.mark.parametrize("status", [status for status in grpc.StatusCode if status is not grpc.StatusCode.OK])
def test_every_kms_error_is_one_line_with_the_key_and_no_secret(kms: KmsServer, status: grpc.StatusCode) -> None:
    wrapped = cloud_key(kms).wrap(SECRET, CONTEXT)
    key = cloud_key(kms, patience=0.05)
    for use in (partial(key.wrap, SECRET, CONTEXT), partial(key.unwrap, wrapped, CONTEXT)):
        kms.fail(*[status] * 30)
        with pytest.raises(LitekeepError) as refused:
            use()
        kms.heal()
        assert isinstance(refused.value, KeyProblem | NotGood)
        assert KEY in str(refused.value)
        assert "\n" not in str(refused.value)
        assert SECRET.decode() not in str(refused.value)
        assert refused.value.__suppress_context__


def test_endpoint_setting_is_used(kms: KmsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITEKEEP_KMS_ENDPOINT", kms.endpoint)
    key = open_key(URI)
    assert key is not None
    assert key.unwrap(key.wrap(SECRET, CONTEXT), CONTEXT) == SECRET


@pytest.mark.parametrize(
    "endpoint",
    [
        "cloudkms.googleapis.com:443",
        "10.0.0.1:80",
        "127.0.0.1",
        "127.0.0.1:80.example.com",
        "127.0.0.1:0x50",
        "localhost:80",
        "127.0.0.1.example.com:80",
        "http://127.0.0.1:80",
        "0.0.0.0:80",
        "127.0.0.1:80\n",
    ],
)
def test_endpoint_without_tls_must_be_loopback(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("LITEKEEP_KMS_ENDPOINT", endpoint)
    with pytest.raises(UsageError, match="LITEKEEP_KMS_ENDPOINT is wrong"):
        open_key(URI)


def test_endpoint_is_none_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LITEKEEP_KMS_ENDPOINT", raising=False)
    assert kms_endpoint() is None


def test_missing_credentials_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LITEKEEP_KMS_ENDPOINT", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/credentials.json")
    with pytest.raises(KeyProblem, match="gcloud auth application-default login"):
        CloudKey(URI).wrap(SECRET, CONTEXT)
