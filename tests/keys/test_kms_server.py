"""The local Cloud KMS server for tests: it refuses wrong requests, and its keys persist across restarts."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import google_crc32c
import grpc  # type: ignore[import-untyped]
import pytest
from google.api_core import exceptions
from google.cloud import kms_v1
from google.cloud.kms_v1.services.key_management_service.transports import KeyManagementServiceGrpcTransport

from shared.keys.kms import CloudKey
from tests.servers.kms.fixture import KEY, URI
from tests.servers.kms.server import KmsServer


@pytest.fixture
def client(kms: KmsServer) -> Iterator[kms_v1.KeyManagementServiceClient]:
    with grpc.insecure_channel(kms.endpoint) as channel:
        yield kms_v1.KeyManagementServiceClient(transport=KeyManagementServiceGrpcTransport(channel=channel))


@pytest.mark.parametrize("field", ["plaintext", "additional_authenticated_data"])
def test_server_refuses_encrypt_request_with_wrong_checksum(
    client: kms_v1.KeyManagementServiceClient, field: str
) -> None:
    request = kms_v1.EncryptRequest(name=KEY, plaintext=b"x", additional_authenticated_data=b"y")
    setattr(request, f"{field}_crc32c", 1)
    with pytest.raises(exceptions.InvalidArgument, match=f"{field}_crc32c"):
        client.encrypt(request=request)


@pytest.mark.parametrize("field", ["ciphertext", "additional_authenticated_data"])
def test_server_refuses_decrypt_request_with_wrong_checksum(
    client: kms_v1.KeyManagementServiceClient, field: str
) -> None:
    ciphertext = client.encrypt(request={"name": KEY, "plaintext": b"x"}).ciphertext
    request = kms_v1.DecryptRequest(name=KEY, ciphertext=ciphertext)
    setattr(request, f"{field}_crc32c", 1)
    with pytest.raises(exceptions.InvalidArgument, match=f"{field}_crc32c"):
        client.decrypt(request=request)


def test_server_reports_only_sent_checksums_as_verified(client: kms_v1.KeyManagementServiceClient) -> None:
    answer = client.encrypt(request={"name": KEY, "plaintext": b"x"})
    assert not answer.verified_plaintext_crc32c
    assert not answer.verified_additional_authenticated_data_crc32c
    crc = google_crc32c.value(b"x")
    assert client.encrypt(request={"name": KEY, "plaintext": b"x", "plaintext_crc32c": crc}).verified_plaintext_crc32c


def test_server_refuses_more_than_64_kib(client: kms_v1.KeyManagementServiceClient) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="too large"):
        client.encrypt(request={"name": KEY, "plaintext": bytes((64 << 10) + 1)})


@contextmanager
def _running(state: Path, *more: str) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.servers.kms", "--key", KEY, "--state", str(state), *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip().removeprefix("LITEKEEP_KMS_ENDPOINT=")
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0


def test_server_keys_persist_across_restarts(tmp_path: Path) -> None:
    state = tmp_path / "kms.json"
    with _running(state) as endpoint:
        wrapped = CloudKey(URI, endpoint=endpoint).wrap(b"secret", b"")
    with _running(state, "--rotate") as endpoint:
        key = CloudKey(URI, endpoint=endpoint)
        assert key.unwrap(wrapped, b"") == b"secret"
        key.wrap(b"secret", b"")
        assert key.name.endswith("/cryptoKeyVersions/2")
