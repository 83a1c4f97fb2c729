"""Checks settings and flags against the policy, if there is one. Without one, the policy file is not imported."""

from typing import TYPE_CHECKING

from shared.catalog.signed import count_only_signed_by, sign_with
from shared.errors import NotPermitted
from shared.policy.locations import check_key, check_location, check_store
from shared.policy.place import policy_path
from shared.settings import Environment, Settings, rerouted

if TYPE_CHECKING:
    from shared.policy.file import Policy

_IN_CLEAR = "none"


def under_policy(settings: Settings) -> Settings:
    """Returns the settings with the policy's environment. Raises NotPermitted for what the policy does not allow.

    Without a policy the settings are unchanged, but Cloud Run refuses BACKUP_KEY=none. Raises UsageError for a wrong
    policy.
    """
    policy = policy_of(settings)
    verifier = policy.verifier if policy is not None else None
    count_only_signed_by(verifier.key if verifier else None)
    sign_with(settings.backup_signing_key if verifier else None)
    if policy is None:
        if settings.cloud_run_job is not None and settings.backup_key == _IN_CLEAR:
            raise NotPermitted(
                "BACKUP_KEY=none is refused on Cloud Run, where anyone who starts a job could copy the database in "
                "clear: set a key, or list none in a policy file"
            )
        return settings
    if policy.people and settings.cloud_run_job is not None and (names := rerouted()):
        raise NotPermitted(
            f"{names[0]} is refused in a job under a policy: it would lead this run to another store, identity or key "
            "than the policy means; start the job without it"
        )
    check_store(policy.stores, settings.backup_store, "BACKUP_STORE")
    if settings.backup_copy_store is not None:
        check_store(policy.stores, settings.backup_copy_store, "BACKUP_COPY_STORE")
    check_key(policy.keys, settings.backup_key)
    return settings.model_copy(update={"environment": Environment(policy.environment)})


def check_database(settings: Settings, display: str, what: str) -> None:
    """Raises NotPermitted for a source (DATABASE_URL) or a target (a flag) that the policy does not list."""
    policy = policy_of(settings)
    if policy is None:
        return
    if what == "DATABASE_URL":
        check_location(policy.sources, display, what, "sources")
    else:
        check_location(policy.targets, display, what, "targets")


def check_without_erasures(settings: Settings) -> None:
    """Raises NotPermitted where --without-erasures needs two persons: in production and under a policy."""
    if settings.environment is Environment.PRODUCTION or policy_of(settings) is not None:
        raise NotPermitted(
            "--without-erasures needs two persons in production and under a policy: leave it out, or ask with litekeep "
            "request restore --without-erasures --reason R where a policy names people"
        )


def check_other_key(settings: Settings, key: str) -> None:
    """Raises NotPermitted if the policy does not list the key of `rekey --to`."""
    policy = policy_of(settings)
    if policy is not None:
        check_key(policy.keys, key, "--to")


def check_other_store(settings: Settings, url: str, what: str) -> None:
    """Raises NotPermitted if the policy does not list the store to copy to."""
    policy = policy_of(settings)
    if policy is not None:
        check_store(policy.stores, url, what)


def policy_of(settings: Settings) -> "Policy | None":
    """Returns the policy in force, or None. Raises UsageError if it is invalid."""
    if policy_path(settings.backup_policy) is None:
        return None
    from shared.policy.file import read_policy  # noqa: PLC0415 - it loads signatures, which need a policy

    return read_policy(settings.backup_policy)
