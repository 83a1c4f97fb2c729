"""Signed statements: bytes, what kind of statement they are, and whose signature is on exactly that."""

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
