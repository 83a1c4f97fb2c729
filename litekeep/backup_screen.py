"""What `litekeep show` says of one backup."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from shared.catalog.backup import Backup
from shared.catalog.listing import Catalog
from shared.clock import rfc3339
from shared.errors import ObjectMissing
from shared.model import names
from shared.terminal.screen import size

_LARGEST_VERDICT = 1 << 20


def document_of(catalog: Catalog, backup: Backup) -> dict[str, Any]:
    """The item of `list`, the manifest without wrapped keys and seal, and each verdict, newest first."""
    manifest, _ = catalog.read_manifest(backup)
    stored = manifest.model_dump(mode="json", exclude={"seal", "encryption"})
    stored["encrypted_with"] = manifest.encryption.key if manifest.encryption else None
    return backup.to_json() | {"manifest": stored, "verdicts": list(_verdicts(catalog, backup))}


def _verdicts(catalog: Catalog, backup: Backup) -> Iterator[dict[str, Any]]:
    found = []
    for item in catalog.store.list_objects(backup.name.prefix):
        parsed = names.parse(item.name)
        if parsed and parsed.backup == backup.name and parsed.verified_at:
            found.append((parsed.verified_at, item))
    for at, item in sorted(found, key=lambda pair: pair[0], reverse=True):
        content: Any = None
        with suppress(ObjectMissing, ValueError, RecursionError), catalog.store.open(item.name) as stream:
            content = json.loads(stream.read(_LARGEST_VERDICT))
        yield {"at": rfc3339(at), **(content if isinstance(content, dict) else {"ok": None, "checks": []})}


def lines_of(document: dict[str, Any]) -> Iterator[str]:
    """The same in words."""
    yield f"{document['id']}: a {document['kind']} backup of {document['database']}"
    yield from _about(document)
    yield from _content(document["manifest"])
    if not document["verdicts"]:
        yield "  verified     not yet"
    for verdict in document["verdicts"]:
        yield from _verdict(verdict)


def _about(document: dict[str, Any]) -> Iterator[str]:
    yield f"  taken        {document['created_at']}, kept until {document['keep_until']}"
    if document["hold"]:
        yield f"  held         by {document['hold']['by']}: {document['hold']['reason']}"
    if document["manifest"].get("note"):
        yield f"  note         {document['manifest']['note']}"
    if document["wrong"]:
        yield f"  NOT good     {document['wrong']}"


def _content(stored: dict[str, Any]) -> Iterator[str]:
    source, database = stored["source"], stored["sqlite"]
    yield f"  source       {source['type']} on {source['host']}, SQLite {source['sqlite_version']}"
    pages = f"{database['page_count']} pages of {database['page_size']} bytes"
    yield f"  database     {pages}, {database['encoding']}, {database['journal_mode']} journal"
    yield f"  schema       {stored['schema_version']}, {stored['tables']} tables, {stored['rows']} rows"
    yield f"  made by      {stored['tool']}, environment {stored['environment']}"
    yield f"  encrypted    {'with ' + stored['encrypted_with'] if stored['encrypted_with'] else 'no'}"
    for problem in stored["integrity"]["problems"][:5]:
        yield f"  source has   {problem}"
    for artifact in stored["artifacts"]:
        yield f"  {artifact['format']:<12} {size(artifact['size_bytes'])}, {artifact['object']}"
    for table, rows in sorted(stored["row_counts"].items()):
        yield f"    {table}: {rows} rows"


def _verdict(verdict: dict[str, Any]) -> Iterator[str]:
    ok = verdict.get("ok")
    word = "good" if ok is True else "NOT good" if ok is False else "cannot be read"
    yield f"  verified     {verdict['at']}: {word}"
    for check in verdict.get("checks") or []:
        if isinstance(check, dict):
            yield f"    {'✓' if check.get('ok') else '✗'} {check.get('name')}: {check.get('detail')}"
