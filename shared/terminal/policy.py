"""Holds a run's settings and flags to the policy, where there is one."""

from shared.errors import NotPermitted
from shared.policy.file import read_policy
from shared.policy.locations import IN_CLEAR, check_key, check_location, check_store
from shared.settings import Environment, Settings


def under_policy(settings: Settings) -> Settings:
    """The settings as the policy allows them: its environment rules, its lists are enforced.

    Without a policy nothing changes, but on Cloud Run no backup leaves in clear. Raises NotPermitted or UsageError.
    """
    policy = read_policy(settings.backup_policy)
    if policy is None:
        if settings.cloud_run_job is not None and settings.backup_key == IN_CLEAR:
            raise NotPermitted(
                "BACKUP_KEY=none is refused on Cloud Run: who may start a job could take the database out in clear; "
                "set a key, or list none in a policy file"
            )
        return settings
    check_store(policy, settings.backup_store, "BACKUP_STORE")
    if settings.backup_copy_store is not None:
        check_store(policy, settings.backup_copy_store, "BACKUP_COPY_STORE")
    check_key(policy, settings.backup_key)
    return settings.model_copy(update={"environment": Environment(policy.environment)})


def check_database(settings: Settings, display: str, what: str) -> None:
    """Raises NotPermitted for a source (DATABASE_URL) or a target (a flag) that the policy does not list."""
    policy = read_policy(settings.backup_policy)
    if policy is None:
        return
    if what == "DATABASE_URL":
        check_location(policy.sources, display, what, "sources")
    else:
        check_location(policy.targets, display, what, "targets")


def check_other_key(settings: Settings, key: str) -> None:
    """Raises NotPermitted for a key to wrap with that the policy does not list."""
    policy = read_policy(settings.backup_policy)
    if policy is not None:
        check_key(policy, key, "--to")


def check_other_store(settings: Settings, url: str, what: str) -> None:
    """Raises NotPermitted for a store to copy to that the policy does not list."""
    policy = read_policy(settings.backup_policy)
    if policy is not None:
        check_store(policy, url, what)
