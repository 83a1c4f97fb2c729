"""Where the policy file is."""

from pathlib import Path

FIXED_PATH = Path("/etc/litekeep/policy/policy.json")


def policy_path(wanted: Path | None) -> Path | None:
    """None when there is no policy. `wanted` counts only where nothing is at the fixed path."""
    return FIXED_PATH if FIXED_PATH.exists() else wanted
