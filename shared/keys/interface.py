"""What a wrapping key does: it wraps small secrets (a backup's data key) and unwraps them again."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable


class WrappingKey(Protocol):
    @property
    def name(self) -> str:
        """What the manifest records: the KMS key version that wraps, or the key file's fingerprint."""

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        """Encrypts `secret`, bound to `context`. Raises KeyProblem."""

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """The secret again, only with the same `context`.

        Raises KeyProblem when the key cannot be reached or used, NotGood when
        the wrapped bytes are not what this key made for that context.
        """


@runtime_checkable
class Versioned(Protocol):
    """A key whose versions each have a state, and stop working one by one."""

    def version_states(self) -> Mapping[str, str]:
        """The state of each version by its name. Raises KeyProblem, KeyDenied where this identity may not ask."""
