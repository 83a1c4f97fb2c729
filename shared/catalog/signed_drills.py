"""Signatures on drill reports. If the policy names a verifier, only drills that it has signed are accepted."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from shared.catalog.signed import doubt_of_signature, is_signature_needed, signature_on
from shared.errors import ObjectMissing
from shared.model.manifest import canonical_json
from shared.model.report_names import DrillName
from shared.stores import Store

_KIND = "drill"
_LARGEST = 4 << 20  # bytes of a report
_MOST = 60  # reports read per database if signatures are needed; older ones are ignored


def with_signature(document: Mapping[str, Any], name: DrillName) -> dict[str, Any]:
    """Returns the report, with a signature if this process signs. Raises KeyProblem if a required signature fails."""
    signed = signature_on(_KIND, _signed_content(document, name))
    return dict(document) if signed is None else {**document, "signed": signed}


def doubt_of_report(document: object, name: DrillName) -> str | None:
    """Returns why the drill report is not accepted; None if it is."""
    if not is_signature_needed():
        return None
    if not isinstance(document, dict):
        return "its report cannot be read"
    return doubt_of_signature(_KIND, document.get("signed"), _signed_content(document, name))


def counted(store: Store, newest_first: Iterable[DrillName]) -> tuple[list[DrillName], dict[DrillName, str]]:
    """Returns the accepted drills of one database, and why each of the others is not. Raises StoreError."""
    drills = list(newest_first)
    if not is_signature_needed():
        return drills, {}
    doubts = {name: doubt for name in drills[:_MOST] if (doubt := _doubt(store, name)) is not None}
    return [name for name in drills[:_MOST] if name not in doubts], doubts


def _doubt(store: Store, name: DrillName) -> str | None:
    try:
        with store.open(name.report) as stream:
            content = stream.read(_LARGEST + 1)
        document = json.loads(content) if len(content) <= _LARGEST else None
    except (ValueError, RecursionError, ObjectMissing):
        document = None
    return doubt_of_report(document, name)


def _signed_content(document: Mapping[str, Any], name: DrillName) -> dict[str, Any]:
    """Returns the signed content: the hash of the whole report, its object's name and its result."""
    rest = {field: value for field, value in document.items() if field != "signed"}
    return {"report": name.report, "sha256": hashlib.sha256(canonical_json(rest)).hexdigest(), "passed": name.passed}
