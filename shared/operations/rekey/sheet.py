"""The recovery sheet, to print and lock away: with it a bare machine and the store are enough for a restore.

Lines that begin with `$ ` are commands; those of the key are in the form that `litekeep keys enter` reads.
"""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.text import count

_MOST = 40  # databases that get a line each


@dataclass(frozen=True)
class Sheet:
    """The content of the sheet. `lines`: the key file in printable form, empty with Cloud KMS."""

    made_at: str
    tool: str
    store: str
    copy_store: str | None
    key: str
    key_name: str | None
    lines: Sequence[str]
    databases: Sequence[str]


def sheet_of(sheet: Sheet) -> str:
    """Returns the sheet as plain text."""
    return "\n".join(_lines(sheet)) + "\n"


def _lines(sheet: Sheet) -> Iterator[str]:
    yield "LITEKEEP RECOVERY SHEET"
    yield f"made {sheet.made_at} by {sheet.tool}"
    yield ""
    if sheet.lines:
        yield "SECRET. Whoever has this sheet and the store can read every backup."
    yield "Print it twice, and lock it away where the backups are not. Make a new one after litekeep rekey."
    yield ""
    yield "1. What there is"
    yield f"   store       {sheet.store}"
    yield f"   copy store  {sheet.copy_store or 'none'}"
    yield f"   key         {sheet.key_name or 'none: the backups are in clear'}"
    yield f"   databases   {', '.join(sheet.databases[:_MOST]) or 'none yet'}{_more(sheet)}"
    yield ""
    yield from _key(sheet)
    yield ""
    yield "3. A restore on a bare machine"
    yield f"   Install Python 3.11 or newer and {sheet.tool} or newer: unpack its source, and in there"
    yield "     python3 -m venv .venv && .venv/bin/pip install . && . .venv/bin/activate"
    yield f"   {_access(sheet.store)}"
    yield "   Then, each line by itself:"
    yield ""
    if sheet.lines:
        yield "$ litekeep keys enter litekeep.key"
        yield f"  (type the {count(len(sheet.lines), 'line')} of section 2 as printed, then Ctrl-D)"
    yield f"$ export BACKUP_STORE={shlex.quote(sheet.store)}"
    yield f"$ export BACKUP_KEY={shlex.quote('file:litekeep.key' if sheet.lines else sheet.key)}"
    yield "$ litekeep list"
    for database in sheet.databases[:_MOST]:
        target = shlex.quote(f"restored-{database.replace('/', '_')}")
        yield f"$ litekeep restore --backup latest --database {shlex.quote(database)} --to {target} --verify"
    yield ""
    if sheet.copy_store:
        yield f"   If the store is lost: export BACKUP_STORE={shlex.quote(sheet.copy_store)}"
    yield "   A backup that is not good ends with exit code 3: add --or-older, or choose another from the list."


def _key(sheet: Sheet) -> Iterator[str]:
    yield "2. The key"
    if sheet.lines:
        yield "   Letters A to Z and digits 2 to 7; the last four characters of a line are its checksum."
        yield ""
        for line in sheet.lines:
            yield f"   {line}"
    elif sheet.key_name is None:
        yield "   None is needed."
    else:
        yield f"   {sheet.key}"
        yield "   is in Cloud KMS and cannot be printed. A restore needs roles/cloudkms.cryptoKeyDecrypter on it."
        yield "   If its project or a key version is destroyed, the backups are lost."


def _access(store: str) -> str:
    if store.startswith("gs://"):
        return "gcloud auth application-default login, as somebody with roles/storage.objectViewer on the bucket."
    return f"Mount the disk or share with {store}."


def _more(sheet: Sheet) -> str:
    return f" and {len(sheet.databases) - _MOST} more" if len(sheet.databases) > _MOST else ""
