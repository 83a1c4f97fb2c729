"""Translates errors of sockets and TLS into CloudErrors."""

import socket
import ssl

from shared.sqlitecloud.failures import CloudError, Lost, TimedOut, Unreachable


def from_socket(what: str, error: OSError, *, connecting: bool) -> CloudError:
    """Returns the CloudError for an OSError. `what` says what failed; `connecting` means while connecting."""
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = getattr(error, "verify_message", "") or "it is not valid"
        return Unreachable(f"{what}: its certificate is not trusted: {reason}; see root_certificate")
    if (
        isinstance(error, ssl.SSLError)
        and connecting
        and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)
    ):
        return Unreachable(f"{what}: the TLS 1.3 handshake failed ({error.reason or 'it was aborted'})")
    for kind, made, reason in _REASONS:
        if isinstance(error, kind):
            return made(f"{what}: {reason}")
    made = Unreachable if connecting else Lost
    return made(f"{what}: {error.strerror or type(error).__name__}")


_CLOSED = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
_REASONS: tuple[tuple[type[OSError], type[CloudError], str], ...] = (
    (TimeoutError, TimedOut, "no reply in time"),
    (socket.gaierror, Unreachable, "unknown host name: check it"),
    (ConnectionRefusedError, Unreachable, "nothing listens there: check host and port"),
    (ConnectionError, Lost, "the connection broke"),
    (ssl.SSLError, Lost, "the connection broke"),
)
