"""Identifies the actor of audit events and the run of log lines."""

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
    """Returns the account of Google's credentials, else the user of the operating system.

    On Cloud Run it is the job's service account. Elsewhere it is the account in the credentials file, if there is one
    and it names an account (a person's file written by gcloud may not). Nothing is sent over the network.
    """
    if settings.cloud_run_job is not None:
        return cloud_run.service_account() or f"the service account of {safe_line(settings.cloud_run_job)}"
    return _account_in(google_credentials_file()) or _user()


def origin_of(settings: Settings) -> RunOrigin:
    """Returns the labels of the execution and a trace shared by all its tasks; empty outside Cloud Run.

    A job has no request with a trace, so the trace id is a hash of the execution's name.
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
    """Returns the account in a credentials file, or None. Nothing else of the file is kept."""
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
