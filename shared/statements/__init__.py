"""Signed statements: bytes, what kind of statement they are, and whose signature is on exactly that."""

from shared.statements.envelope import Kind, Signer, Statement, add_signature, open_statement, sign, unsigned, verify
from shared.statements.public_key import PublicKey

__all__ = ["Kind", "PublicKey", "Signer", "Statement", "add_signature", "open_statement", "sign", "unsigned", "verify"]
