"""The interface of wrapping keys, which encrypt a backup's data key and decrypt it again."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable


class WrappingKey(Protocol):
    """A key that wraps data keys."""

    @property
    def name(self) -> str:
        """The name recorded in the manifest: the KMS key version that wraps, or the key file's fingerprint."""

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        """Encrypts `secret` with `context` as associated data. Raises KeyProblem."""

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Decrypts `wrapped`, which needs the same `context`.

        Raises KeyProblem if the key cannot be reached or used, NotGood if this key did not wrap these bytes with that
        context.
        """


@runtime_checkable
class Versioned(Protocol):
    """A key with versions, each of which can be disabled or destroyed."""

    def version_states(self) -> Mapping[str, str]:
        """Returns the state of each version by name. Raises KeyProblem; KeyDenied without the right to list them."""
