"""Implements `litekeep policy sign`, which adds a signature to a policy and writes a new file."""

from dataclasses import dataclass
from pathlib import Path

from shared.errors import UsageError
from shared.keys.signing import open_signer
from shared.policy.file import lacking_signatures, parse_policy, read_policy_file
from shared.runtime.files import write_new
from shared.settings import Settings
from shared.statements.envelope import StatementKind, add_signature, sign
from shared.terminal.audit import audited
from shared.terminal.parts import event_log


@dataclass(frozen=True)
class SignedPolicy:
    """The signed policy: its SHA-256, the people who have signed it, and which signatures it lacks."""

    digest: str
    signed_by: list[str]
    lacking: str | None


def sign_policy(settings: Settings, file: Path, output: Path, *, as_json: bool) -> SignedPolicy:
    """Signs the policy in `file` and writes it to `output`.

    Raises UsageError for a wrong policy, a missing signing key or an existing `output`; KeyProblem.
    """
    found = read_policy_file(file)
    if not found.policy.people:
        raise UsageError(f"{file} names no people, so it needs no signature: put it where the policy is mounted")
    if settings.backup_signing_key is None:
        raise UsageError("BACKUP_SIGNING_KEY is not set: set it to file:PATH or gcp-kms://…/cryptoKeyVersions/N")
    with audited(event_log(settings, result_on_stdout=as_json, trail=False), settings, "policy sign", found.digest):
        signer = open_signer(settings.backup_signing_key)
        if found.signed:
            raw = add_signature(found.raw, StatementKind.POLICY, signer)
        else:
            raw = sign(signer, StatementKind.POLICY, found.payload)
        _create(output, raw)
    made = parse_policy(raw)
    return SignedPolicy(made.digest, made.signers(made.policy.people), lacking_signatures(made))


def _create(output: Path, raw: bytes) -> None:
    try:
        write_new(output, raw, "policy", mode=0o644)
    except FileExistsError:
        raise UsageError(f"cannot write --output {output}: the file exists; choose another name") from None
    except OSError as error:
        raise UsageError(f"cannot write --output {output}: {error.strerror}") from None
