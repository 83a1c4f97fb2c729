"""Reads a job's service account and project from Cloud Run's metadata server.

See Cloud Run, "Container runtime contract", metadata server. Each value is requested once, for at most a second: the
values are for log lines, which must never delay a run.
"""

from functools import lru_cache

from shared.settings import google_metadata_host

_SECONDS = 1.0
_LONGEST = 256  # bytes of an answer


@lru_cache(maxsize=8)
def metadata_value(path: str) -> str | None:
    """Returns one value, such as `instance/service-accounts/default/email`; None without an answer in time."""
    from http.client import HTTPConnection, HTTPException  # noqa: PLC0415 - most machines have no such server

    connection = HTTPConnection(google_metadata_host(), timeout=_SECONDS)
    try:
        connection.request("GET", f"/computeMetadata/v1/{path}", headers={"Metadata-Flavor": "Google"})
        answer = connection.getresponse()
        text = answer.read(_LONGEST).decode("utf-8", "replace").strip()
        return text if answer.status == 200 and text.isprintable() and text else None
    except (OSError, HTTPException, ValueError):
        return None
    finally:
        connection.close()


def service_account() -> str | None:
    """Returns the email address of the job's service account; None outside of Google Cloud."""
    return metadata_value("instance/service-accounts/default/email")


def project() -> str | None:
    """Returns the id of the job's project; None outside of Google Cloud."""
    return metadata_value("project/project-id")
