"""Starts a Cloud Run job with arguments. This needs run.jobs.run and run.jobs.runWithOverrides on the job.

See Cloud Run Admin API v2, projects.locations.jobs.run.
"""

from collections.abc import Sequence
from typing import Any

import requests
from google.auth import default
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession

from shared.errors import LitekeepError, NotPermitted
from shared.settings import run_endpoint

_API = "https://run.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_SECONDS = 30.0


def run_job(job: str, arguments: Sequence[str]) -> None:
    """Starts one execution of `projects/P/locations/L/jobs/NAME`, without waiting for it to finish.

    Raises NotPermitted if this identity may not start it, LitekeepError if it could not be started.
    """
    endpoint = run_endpoint()
    body = {"overrides": {"containerOverrides": [{"args": list(arguments)}]}}
    try:
        opened: Any = AuthorizedSession
        with opened(_credentials(endpoint)) as session:
            url = f"{f'http://{endpoint}' if endpoint else _API}/v2/{job}:run"
            answer = session.post(url, json=body, timeout=_SECONDS, allow_redirects=False)
    except (GoogleAuthError, requests.RequestException) as error:
        raise LitekeepError(f"cannot start {job}: {type(error).__name__}; try again, or start it with gcloud") from None
    if answer.status_code in (401, 403):
        raise NotPermitted(f"cannot start {job}: this identity needs run.jobs.runWithOverrides on it")
    if answer.status_code != 200:
        raise LitekeepError(f"cannot start {job}: Cloud Run answers {answer.status_code}; see its log")


def _credentials(endpoint: str | None) -> Any:
    if endpoint is not None:
        return AnonymousCredentials()  # type: ignore[no-untyped-call]
    credentials, _ = default(scopes=[_SCOPE])
    return credentials
