"""Text output of `litekeep show`."""

from collections.abc import Iterator
from typing import Any

from shared.text import count, size


def lines_of(document: dict[str, Any]) -> Iterator[str]:
    """Yields the lines that describe the backup of `document`, which is the output of `show --json`."""
    yield f"{document['id']}: backup of kind {document['kind']} of {document['database']}"
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
    pages = f"{count(database['page_count'], 'page')} of {count(database['page_size'], 'byte')}"
    yield f"  database     {pages}, {database['encoding']}, {database['journal_mode']} journal"
    content = f"{count(stored['tables'], 'table')}, {count(stored['rows'], 'row')}"
    yield f"  schema       {stored['schema_version']}, {content}"
    yield f"  made by      {stored['tool']}, environment {stored['environment']}"
    yield f"  encrypted    {'with ' + stored['encrypted_with'] if stored['encrypted_with'] else 'no'}"
    for problem in stored["integrity"]["problems"][:5]:
        yield f"  source has   {problem}"
    for artifact in stored["artifacts"]:
        yield f"  {artifact['format']:<12} {size(artifact['size_bytes'])}, {artifact['object']}"
    for table, rows in sorted(stored["row_counts"].items()):
        yield f"    {table}: {count(rows, 'row')}"


def _verdict(verdict: dict[str, Any]) -> Iterator[str]:
    ok = verdict.get("ok")
    word = "good" if ok is True else "NOT good" if ok is False else "cannot be read"
    yield f"  verified     {verdict['at']}: {word}"
    for check in verdict.get("checks") or []:
        if isinstance(check, dict):
            yield f"    {'✓' if check.get('ok') else '✗'} {check.get('name')}: {check.get('detail')}"
