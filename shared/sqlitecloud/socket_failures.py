"""What a socket or TLS raised, as an error of ours."""

import socket
import ssl

from shared.sqlitecloud.failures import CloudError, Lost, TimedOut, Unreachable


def from_socket(what: str, error: OSError, *, connecting: bool) -> CloudError:
    """`what` failed; `connecting` is whether no connection had come about."""
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = getattr(error, "verify_message", "") or "it is not valid"
        return Unreachable(f"{what}: its certificate is not to be trusted: {reason}; see root_certificate")
    if (
        isinstance(error, ssl.SSLError)
        and connecting
        and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)
    ):
        return Unreachable(f"{what}: no TLS 1.3 came about ({error.reason or 'the handshake ended'})")
    for kind, made, reason in _REASONS:
        if isinstance(error, kind):
            return made(f"{what}: {reason}")
    made = Unreachable if connecting else Lost
    return made(f"{what}: {error.strerror or type(error).__name__}")


_CLOSED = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
_REASONS: tuple[tuple[type[OSError], type[CloudError], str], ...] = (
    (TimeoutError, TimedOut, "no answer in time"),
    (socket.gaierror, Unreachable, "the host's name is not known: check it"),
    (ConnectionRefusedError, Unreachable, "nothing listens there: check host and port"),
    (ConnectionError, Lost, "the connection broke"),
    (ssl.SSLError, Lost, "the connection broke"),
)
