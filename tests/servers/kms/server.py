"""The calls of google.cloud.kms.v1.KeyManagementService that wrap and sign, on loopback, with faults on demand."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import Any

import google_crc32c
import grpc  # type: ignore[import-untyped]
from google.cloud.kms_v1.types import resources, service

from tests.servers.kms.keyring import CryptoKey, NotEnabled, Undecryptable, Version, public_pem, signature_of
from tests.servers.rpc import Method, serving

_SERVICE = "google.cloud.kms.v1.KeyManagementService"
_LARGEST = 64 << 10  # bytes of plaintext, and of context


class Right(StrEnum):
    ENCRYPT = "cloudkms.cryptoKeyVersions.useToEncrypt"
    DECRYPT = "cloudkms.cryptoKeyVersions.useToDecrypt"
    LIST_VERSIONS = "cloudkms.cryptoKeyVersions.list"
    SIGN = "cloudkms.cryptoKeyVersions.useToSign"
    VIEW = "cloudkms.cryptoKeyVersions.viewPublicKey"


class Damage(StrEnum):
    """Damage to a response in transit."""

    CHANGED_CONTENT = "a bit of the ciphertext or plaintext flips"
    WRONG_CRC = "the CRC32C of the response is wrong"
    NO_CRC = "the response has no CRC32C"
    PLAINTEXT_UNVERIFIED = "the server did not verify the CRC32C of the plaintext or digest"
    CONTEXT_UNVERIFIED = "the server did not verify the CRC32C of the context"
    WRONG_NAME = "the response names another key"


@dataclass
class Quota:
    """Alternates `allowed` calls within the quota and `refused` calls above it: counted, independent of time.

    After `stop_after` calls permission is denied. `refusals` counts the calls above the quota.
    """

    allowed: int
    refused: int
    stop_after: int | None = None
    seen: int = 0
    refusals: int = 0

    def take(self) -> grpc.StatusCode | None:
        self.seen += 1
        if self.stop_after is not None and self.seen > self.stop_after:
            return grpc.StatusCode.PERMISSION_DENIED
        if (self.seen - 1) % (self.allowed + self.refused) < self.allowed:
            return None
        self.refusals += 1
        return grpc.StatusCode.RESOURCE_EXHAUSTED


@dataclass
class Call:
    """A request of a client."""

    method: str
    request: Any


class KmsServer:
    """`keys` may be changed while it runs; `rights` apply to every caller."""

    def __init__(self, keys: dict[str, CryptoKey] | None = None) -> None:
        self.keys = keys if keys is not None else {}
        self.rights = set(Right)
        self.calls: list[Call] = []
        self.quota: Quota | None = None
        self._counting = Lock()
        self._faults: deque[grpc.StatusCode | Damage] = deque()
        self.endpoint = ""

    def add_key(self, name: str, *, signing: bool = False) -> CryptoKey:
        key = CryptoKey(name, signing=signing)
        key.rotate()
        self.keys[name] = key
        return key

    def fail(self, *faults: grpc.StatusCode | Damage) -> None:
        """Injects these faults into the next calls, one each."""
        self._faults.extend(faults)

    def heal(self) -> None:
        """Removes the faults that were not injected yet."""
        self._faults.clear()

    @contextmanager
    def running(self, port: int = 0) -> Iterator["KmsServer"]:
        methods: dict[str, Method] = {
            "Encrypt": (self._encrypt, service.EncryptRequest, service.EncryptResponse),
            "Decrypt": (self._decrypt, service.DecryptRequest, service.DecryptResponse),
            "ListCryptoKeyVersions": (
                self._list_versions,
                service.ListCryptoKeyVersionsRequest,
                service.ListCryptoKeyVersionsResponse,
            ),
            "AsymmetricSign": (self._asymmetric_sign, service.AsymmetricSignRequest, service.AsymmetricSignResponse),
            "GetPublicKey": (self._get_public_key, service.GetPublicKeyRequest, resources.PublicKey),
        }
        with serving(_SERVICE, methods, port=port) as self.endpoint:
            yield self

    def _encrypt(self, request: Any, context: grpc.ServicerContext) -> Any:
        fault = self._begin("Encrypt", request, context)
        key = self._allowed(request.name, Right.ENCRYPT, context)
        aad = request.additional_authenticated_data
        if max(len(request.plaintext), len(aad)) > _LARGEST:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "plaintext or additional data too large")
        _check_crc(context, "plaintext", request.plaintext, request.plaintext_crc32c)
        _check_crc(context, "additional_authenticated_data", aad, request.additional_authenticated_data_crc32c)
        try:
            ciphertext, version = key.encrypt(request.plaintext, aad)
        except NotEnabled as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        answer = service.EncryptResponse(
            name=key.version_name(version.number),
            ciphertext=ciphertext,
            ciphertext_crc32c=google_crc32c.value(ciphertext),
            verified_plaintext_crc32c=request.plaintext_crc32c is not None,
            verified_additional_authenticated_data_crc32c=request.additional_authenticated_data_crc32c is not None,
        )
        match fault:
            case Damage.CHANGED_CONTENT:
                answer.ciphertext = _flipped(ciphertext)
            case Damage.WRONG_CRC:
                answer.ciphertext_crc32c ^= 1
            case Damage.NO_CRC:
                answer.ciphertext_crc32c = None
            case Damage.PLAINTEXT_UNVERIFIED:
                answer.verified_plaintext_crc32c = False
            case Damage.CONTEXT_UNVERIFIED:
                answer.verified_additional_authenticated_data_crc32c = False
            case Damage.WRONG_NAME:
                answer.name = f"{key.name}2/cryptoKeyVersions/1"
        return answer

    def _decrypt(self, request: Any, context: grpc.ServicerContext) -> Any:
        fault = self._begin("Decrypt", request, context)
        key = self._allowed(request.name, Right.DECRYPT, context)
        aad = request.additional_authenticated_data
        _check_crc(context, "ciphertext", request.ciphertext, request.ciphertext_crc32c)
        _check_crc(context, "additional_authenticated_data", aad, request.additional_authenticated_data_crc32c)
        try:
            plaintext, version = key.decrypt(request.ciphertext, aad)
        except NotEnabled as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        except Undecryptable:
            context.abort(
                grpc.StatusCode.INVALID_ARGUMENT,
                "Decryption failed: verify that 'name' refers to the correct CryptoKey.",
            )
        answer = service.DecryptResponse(
            plaintext=plaintext,
            plaintext_crc32c=google_crc32c.value(plaintext),
            used_primary=version is key.versions[-1],
        )
        match fault:
            case Damage.CHANGED_CONTENT:
                answer.plaintext = _flipped(plaintext)
            case Damage.WRONG_CRC:
                answer.plaintext_crc32c ^= 1
            case Damage.NO_CRC:
                answer.plaintext_crc32c = None
        return answer

    def _asymmetric_sign(self, request: Any, context: grpc.ServicerContext) -> Any:
        fault = self._begin("AsymmetricSign", request, context)
        version = self._signing_version(request.name, Right.SIGN, context)
        digest = request.digest.sha256
        _check_crc(context, "digest", digest, request.digest_crc32c)
        if len(digest) != 32:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "The digest must be of SHA-256.")
        signature = signature_of(version, digest)
        answer = service.AsymmetricSignResponse(
            name=request.name,
            signature=signature,
            signature_crc32c=google_crc32c.value(signature),
            verified_digest_crc32c=request.digest_crc32c is not None,
        )
        match fault:
            case Damage.CHANGED_CONTENT:
                answer.signature = _flipped(signature)
            case Damage.WRONG_CRC:
                answer.signature_crc32c ^= 1
            case Damage.NO_CRC:
                answer.signature_crc32c = None
            case Damage.PLAINTEXT_UNVERIFIED:
                answer.verified_digest_crc32c = False
            case Damage.WRONG_NAME:
                answer.name = f"{request.name}2"
        return answer

    def _get_public_key(self, request: Any, context: grpc.ServicerContext) -> Any:
        fault = self._begin("GetPublicKey", request, context)
        pem = public_pem(self._signing_version(request.name, Right.VIEW, context))
        answer = resources.PublicKey(
            name=request.name,
            pem=pem,
            pem_crc32c=google_crc32c.value(pem.encode()),
            algorithm=resources.CryptoKeyVersion.CryptoKeyVersionAlgorithm.EC_SIGN_P256_SHA256,
        )
        match fault:
            case Damage.CHANGED_CONTENT:
                answer.pem = pem.replace("A", "B", 1)
            case Damage.WRONG_CRC:
                answer.pem_crc32c ^= 1
            case Damage.NO_CRC:
                answer.pem_crc32c = None
            case Damage.WRONG_NAME:
                answer.name = f"{request.name}2"
        return answer

    def _signing_version(self, name: str, right: Right, context: grpc.ServicerContext) -> Version:
        of_key, _, number = name.rpartition("/cryptoKeyVersions/")
        key = self._allowed(of_key, right, context)
        if not number.isdecimal() or not 0 < int(number) <= len(key.versions):
            context.abort(grpc.StatusCode.NOT_FOUND, f"CryptoKeyVersion {name} not found.")
        if not key.signing:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{name} is not for ASYMMETRIC_SIGN.")
        try:
            return key.version(int(number))
        except NotEnabled as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
            raise

    def _list_versions(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._begin("ListCryptoKeyVersions", request, context)
        key = self._allowed(request.parent, Right.LIST_VERSIONS, context)
        states = resources.CryptoKeyVersion.CryptoKeyVersionState
        return service.ListCryptoKeyVersionsResponse(
            crypto_key_versions=[
                resources.CryptoKeyVersion(name=key.version_name(each.number), state=states[each.state.value])
                for each in key.versions
            ],
            total_size=len(key.versions),
        )

    def _begin(self, method: str, request: Any, context: grpc.ServicerContext) -> Damage | None:
        self.calls.append(Call(method, request))
        if self.quota is not None:
            with self._counting:
                over = self.quota.take()
            if over is not None:
                context.abort(over, f"{over.name} on demand")
        fault = self._faults.popleft() if self._faults else None
        if isinstance(fault, grpc.StatusCode):
            context.abort(fault, f"{fault.name} on demand")
        return fault

    def _allowed(self, name: str, right: Right, context: grpc.ServicerContext) -> CryptoKey:
        if right not in self.rights:
            context.abort(
                grpc.StatusCode.PERMISSION_DENIED,
                f"Permission '{right}' denied on resource '{name}' (or it may not exist).",
            )
        if name not in self.keys:
            context.abort(grpc.StatusCode.NOT_FOUND, f"CryptoKey {name} not found.")
        return self.keys[name]


def _check_crc(context: grpc.ServicerContext, field: str, content: bytes, claimed: int | None) -> None:
    if claimed is not None and claimed != google_crc32c.value(content):
        context.abort(
            grpc.StatusCode.INVALID_ARGUMENT,
            f"The checksum in field {field}_crc32c did not match the data in field {field}.",
        )


def _flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])
