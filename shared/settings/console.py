"""Parses the settings of the console."""

import re

_AUDIENCE = re.compile(
    r"/projects/[1-9]\d{0,19}/(locations/[a-z0-9-]{1,40}/services/[a-z][a-z0-9-]{0,62}|global/backendServices/\d{1,20})",
    re.ASCII,
)
_JOB = re.compile(r"projects/[a-z0-9][a-z0-9.:-]{1,60}/locations/[a-z0-9-]{1,40}/jobs/[a-z][a-z0-9-]{0,62}", re.ASCII)


def parse_audiences(value: str) -> tuple[str, ...]:
    """Parses the audiences of Identity-Aware Proxy, separated by blanks. Raises ValueError with what is allowed."""
    audiences = tuple(value.split())
    if not all(map(_AUDIENCE.fullmatch, audiences)):
        raise ValueError(
            "allowed are /projects/NUMBER/locations/REGION/services/NAME and "
            "/projects/NUMBER/global/backendServices/ID, with blanks between"
        )
    return audiences


def check_job(value: str) -> str:
    """Returns `value` if it is the name of a Cloud Run job. Raises ValueError with what is allowed."""
    if not _JOB.fullmatch(value):
        raise ValueError("allowed is projects/PROJECT/locations/REGION/jobs/NAME")
    return value
