"""Who acts, and in which run: for audit events and for the labels of log lines."""

import hashlib
import json
import os
import pwd
import re
from pathlib import Path

from shared.events.log import RunOrigin, safe_line
from shared.runtime import cloud_run
from shared.settings import Settings, google_credentials_file

_ACCOUNT_IN_URL = re.compile(r"/serviceAccounts/([^/:\s]{1,200}):")
_LARGEST = 64 << 10  # bytes


def actor_of(settings: Settings) -> str:
    """The service account or person of Google's credentials, else the user of the operating system.

    On Cloud Run that is the job's service account. Elsewhere the credentials file says it, if there is one and it
    names an account (what gcloud writes for a person need not); nobody is asked over the network.
    """
    if settings.cloud_run_job is not None:
        return cloud_run.service_account() or f"the service account of {safe_line(settings.cloud_run_job)}"
    return _account_in(google_credentials_file()) or _user()


def origin_of(settings: Settings) -> RunOrigin:
    """Labels of the execution, and a trace that all its tasks' lines share; nothing outside Cloud Run.

    A job has no request to take a trace from: its id is made from the execution's name.
    """
    if settings.cloud_run_job is None:
        return RunOrigin()
    execution = settings.cloud_run_execution
    labels = {
        "job": settings.cloud_run_job,
        "execution": execution,
        "task_index": str(settings.cloud_run_task_index),
        "task_attempt": settings.cloud_run_task_attempt,
    }
    project = settings.google_cloud_project or cloud_run.project()
    trace = None
    if execution and project:
        trace = f"projects/{project}/traces/{hashlib.sha256(execution.encode()).hexdigest()[:32]}"
    return RunOrigin({name: value for name, value in labels.items() if value}, trace)


def _account_in(path: Path | None) -> str | None:
    """The account that a credentials file names. Of its content nothing else is kept."""
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(_LARGEST))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    url = _ACCOUNT_IN_URL.search(str(content.get("service_account_impersonation_url", "")))
    for found in (url[1] if url else None, content.get("client_email"), content.get("account")):
        if isinstance(found, str) and "@" in found:
            return safe_line(found)[:200]
    return None


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user id {os.getuid()}"
