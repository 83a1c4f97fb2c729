"""Signed statements: a payload and its kind, with the signatures of one or more keys over both."""

from shared.statements.envelope import (
    Signer,
    Statement,
    StatementKind,
    add_signature,
    open_statement,
    sign,
    unsigned,
    verify,
)
from shared.statements.public_key import PublicKey

__all__ = [
    "PublicKey",
    "Signer",
    "Statement",
    "StatementKind",
    "add_signature",
    "open_statement",
    "sign",
    "unsigned",
    "verify",
]
