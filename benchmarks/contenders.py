"""The commands to measure. Each runs in a folder with `app.db` and writes below `out`."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

BACKUP_SQL = "backup as SQL"
BACKUP_PAGES = "backup as pages"
BACKUP_BOTH = "backup as both"
RESTORE_SQL = "restore from SQL"
RESTORE_PAGES = "restore from pages"
VERIFY = "full verify"
PROVEN, IDENTICAL = ", proven in full", ", proven by identity"


@dataclass(frozen=True)
class Contender:
    """One tool's command for one kind of work.

    `before` is a command that is not timed. `stored` is the file or folder whose size is reported. A slow contender is
    left out for large databases.
    """

    work: str
    name: str
    command: str
    before: str = "true"
    stored: str | None = None
    is_slow: bool = False
    needs: str = "bash"  # the contender is left out if this program is not installed

    @property
    def is_installed(self) -> bool:
        return shutil.which(self.needs, path=environment()["PATH"]) is not None


def environment() -> dict[str, str]:
    """Returns an environment without the caller's settings, with the programs beside this Python first in PATH."""
    binaries = Path(sys.executable).parent
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    return kept | {
        "PATH": f"{binaries}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": "app.db",
        "RESTIC_PASSWORD": "benchmark",
        "RESTIC_REPOSITORY": "out/restic",
        "RESTIC_CACHE_DIR": "out/restic-cache",
        "BACKUP_KEY": "none",
    }


def litekeep(*, goals_only: bool = False) -> list[Contender]:
    """Returns Litekeep's commands: each format alone and both, plain and encrypted, each after the backup it needs.

    With `goals_only`, returns only the encrypted commands, without the verification of a single format.
    """
    if goals_only:
        return [one for one in _litekeep(encrypted=True) if one.work != VERIFY or " both" in one.name]
    return [contender for encrypted in (False, True) for contender in _litekeep(encrypted=encrypted)]


def _litekeep(*, encrypted: bool) -> list[Contender]:
    suffix, key = (", encrypted", "BACKUP_KEY=file:out/key ") if encrypted else ("", "")
    store = "out/store-encrypted" if encrypted else "out/store"
    makes_key = "test -e out/key || litekeep keygen out/key >/dev/null; " if encrypted else ""

    def backup(work: str, formats: str, name: str) -> Contender:
        return Contender(
            work,
            f"litekeep{suffix}",
            f"{key}BACKUP_FORMATS={formats} litekeep backup --store {store}-{name} --name it",
            before=f"{makes_key}rm -rf {store}-{name}",
            stored=f"{store}-{name}",
        )

    def restore(work: str, name: str, flags: str = "", note: str = "", before: str = "true") -> Contender:
        return Contender(
            work,
            f"litekeep{suffix}{note}",
            f"{key}litekeep restore --store {store}-{name} --backup it --to out/back.db{flags}",
            before=f"rm -f out/back.db*; {before}",
        )

    def verify(name: str) -> Contender:
        return Contender(VERIFY, f"litekeep {name}{suffix}", f"{key}litekeep verify --store {store}-{name} --backup it")

    # --verify proves an image by identity only after a verification whose verdict is sealed with the key.
    verified = f"ls {store}-sqlite/*/*/it.verified-* || {key}litekeep verify --store {store}-sqlite --backup it"
    return [
        backup(BACKUP_SQL, "sql", "sql"),
        backup(BACKUP_PAGES, "sqlite", "sqlite"),
        backup(BACKUP_BOTH, "sql,sqlite", "both"),
        restore(RESTORE_SQL, "sql"),
        restore(RESTORE_PAGES, "sqlite"),
        restore(RESTORE_PAGES, "sqlite", " --verify=full", PROVEN),
        *([restore(RESTORE_PAGES, "sqlite", " --verify", IDENTICAL, verified)] if encrypted else []),
        verify("sql"),
        verify("sqlite"),
        verify("both"),
    ]


def peers() -> list[Contender]:
    """Other tools that do the same work."""
    return [*_shell_pipes(), *_backup_tools()]


def _shell_pipes() -> list[Contender]:
    return [
        Contender(
            BACKUP_SQL,
            "sqlite3 .dump | gzip -6",
            "sqlite3 app.db .dump | gzip -6 > out/dump.gz",
            stored="out/dump.gz",
        ),
        Contender(
            BACKUP_SQL,
            "sqlite3 .dump | gzip -9",
            "sqlite3 app.db .dump | gzip -9 > out/dump9.gz",
            stored="out/dump9.gz",
            is_slow=True,
        ),
        Contender(RESTORE_SQL, "gunzip | sqlite3", "gunzip -c out/dump.gz | sqlite3 out/back.db", "rm -f out/back.db*"),
        Contender(
            BACKUP_PAGES,
            "sqlite3 .backup, zstd -3",
            "sqlite3 app.db '.backup out/copy.db' && zstd -q -3 -T2 out/copy.db -o out/copy.zst",
            before="rm -f out/copy.*",
            stored="out/copy.zst",
            needs="zstd",
        ),
        Contender(
            RESTORE_PAGES,
            "zstd -d",
            "zstd -q -d out/copy.zst -o out/back.db",
            before="rm -f out/back.db*",
            needs="zstd",
        ),
    ]


def _backup_tools() -> list[Contender]:
    """Litestream and restic. Litestream changes its source, so it gets a copy."""
    fresh = "rm -rf out/litestream out/.l.db-litestream out/l.db*; cp app.db out/l.db"
    replica = 'file://"$PWD"/out/litestream'
    return [
        Contender(
            BACKUP_PAGES,
            "litestream, one shot",
            f"litestream replicate -once out/l.db {replica}",
            before=fresh,
            stored="out/litestream",
            needs="litestream",
        ),
        Contender(
            RESTORE_PAGES,
            "litestream",
            f"litestream restore -o out/back.db {replica}",
            before="rm -f out/back.db*",
            needs="litestream",
        ),
        Contender(
            BACKUP_PAGES,
            "restic",
            "restic backup -q app.db",
            before="rm -rf out/restic out/restic-cache; restic init -q",
            stored="out/restic",
            needs="restic",
        ),
        Contender(
            RESTORE_PAGES,
            "restic",
            "restic restore -q latest --target out/restored",
            before="rm -rf out/restored",
            needs="restic",
        ),
    ]
