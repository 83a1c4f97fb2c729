"""A drill's report and its signature: under a policy with a verifier a drill counts only when that has signed it."""

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
_MOST = 60  # reports of a database that are read; older ones are not there then


def with_signature(document: Mapping[str, Any], name: DrillName) -> dict[str, Any]:
    """The report, signed where this process signs. Raises KeyProblem when it must be and cannot be."""
    signed = signature_on(_KIND, _said(document, name))
    return dict(document) if signed is None else {**document, "signed": signed}


def doubt_of_report(document: object, name: DrillName) -> str | None:
    """Why the drill of that name counts for nothing; None when it counts."""
    if not is_signature_needed():
        return None
    if not isinstance(document, dict):
        return "its report cannot be read"
    return doubt_of_signature(_KIND, document.get("signed"), _said(document, name))


def counted(store: Store, newest_first: Iterable[DrillName]) -> tuple[list[DrillName], dict[DrillName, str]]:
    """The drills of one database that count, and why each of the others does not. Raises StoreError."""
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


def _said(document: Mapping[str, Any], name: DrillName) -> dict[str, Any]:
    """Returns what is signed: the whole report, by its hash, and its object's name."""
    rest = {field: value for field, value in document.items() if field != "signed"}
    return {"report": name.report, "sha256": hashlib.sha256(canonical_json(rest)).hexdigest(), "passed": name.passed}
