"""`python -m benchmarks.soak --folder F --minutes 30`: a writer, the loop and restores of random moments, all at once.

The writer moves money between accounts and writes a row for each transfer. Every restored database must have all
transfers up to one of them and none after it, balances that add up to zero, and nothing newer than the moment asked
for.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw

from benchmarks.contenders import environment

_SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE account(id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);
CREATE TABLE transfer(id INTEGER PRIMARY KEY, source INTEGER, target INTEGER, amount INTEGER, at REAL, note TEXT);
CREATE INDEX by_target ON transfer(target, at);
WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n LIMIT 20000) INSERT INTO account SELECT v, 0 FROM n;
"""
_VACUUM_EVERY = 300.0  # seconds


@dataclass
class Writer:
    path: Path
    seed: int = 1
    transfers: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        chance, vacuum = random.Random(self.seed), time.monotonic() + _VACUUM_EVERY
        with closing(apsw.Connection(str(self.path))) as db:
            db.set_busy_timeout(60_000)
            while not self.ended.wait(chance.uniform(0.01, 0.08)):
                if time.monotonic() > vacuum:
                    vacuum += _VACUUM_EVERY
                    db.execute("VACUUM")
                self._transfer(db, chance)

    def _transfer(self, db: apsw.Connection, chance: random.Random) -> None:
        source, target, amount = chance.randint(1, 20000), chance.randint(1, 20000), chance.randint(1, 500)
        db.execute("BEGIN IMMEDIATE")
        db.execute("UPDATE account SET balance = balance - ? WHERE id = ?", (amount, source))
        db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", (amount, target))
        row = (source, target, amount, time.time(), "x" * chance.randint(0, 900))
        db.execute("INSERT INTO transfer(source, target, amount, at, note) VALUES(?, ?, ?, ?, ?)", row)
        db.execute("COMMIT")
        self.transfers += 1


def check(path: Path, asked: float) -> float:
    """Returns the seconds from the newest restored transfer to the moment asked for. Raises AssertionError."""
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as db:
        found = db.execute("SELECT count(*), max(id), max(at), (SELECT sum(balance) FROM account) FROM transfer")
        count, last, newest, balance = next(found)
        assert (count, balance) == (last or 0, 0), (count, last, balance)
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        wrong = """SELECT count(*) FROM account WHERE balance != ifnull((SELECT sum(amount) FROM transfer
                   WHERE target = account.id), 0) - ifnull((SELECT sum(amount) FROM transfer
                   WHERE source = account.id), 0) AND id % 500 = 0"""
        assert db.execute(wrong).fetchall() == [(0,)]
    assert newest is None or newest <= asked, (newest, asked)
    return asked - (newest or asked)


@dataclass
class Soak:
    folder: Path
    minutes: float
    every: int
    ages: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)

    def run(self) -> dict[str, Any]:
        chance, environ = random.Random(2), environment() | {"BACKUP_KEY": "file:app.key", "BACKUP_STORE": "backups"}
        with closing(apsw.Connection(str(self.folder / "app.db"))) as db:
            db.execute(_SCHEMA).fetchall()
        self._litekeep(environ, "keygen", "app.key")
        writer = Writer(self.folder / "app.db")
        thread = threading.Thread(target=writer.run)
        thread.start()
        loop = self._loop(environ)
        try:
            first = self._first_point(environ)
            ends = time.time() + 60 * self.minutes
            while time.time() < ends and loop.poll() is None:
                self._restore(environ, chance.uniform(first, time.time()))
                self.memory.append(_resident(loop.pid))
        finally:
            loop.send_signal(signal.SIGTERM)
            output, _ = loop.communicate(timeout=60)
            writer.ended.set()
            thread.join()
        return self._figures(writer, loop.returncode, json.loads(output))

    def _loop(self, environ: dict[str, str]) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "litekeep", "continuous", "--every", f"{self.every}s", "--json"]
        with (self.folder / "loop.log").open("w") as log:
            return subprocess.Popen(
                command, cwd=self.folder, env=environ, stdout=subprocess.PIPE, stderr=log, text=True
            )

    def _litekeep(self, environ: dict[str, str], *arguments: str) -> str:
        command = [sys.executable, "-m", "litekeep", *arguments]
        done = subprocess.run(command, cwd=self.folder, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout

    def _first_point(self, environ: dict[str, str]) -> float:
        while True:
            found = json.loads(self._litekeep(environ, "timeline", "--json"))
            if found and found[0]["points"]:
                return datetime.fromisoformat(found[0]["points"][0]["at"]).timestamp()

    def _restore(self, environ: dict[str, str], moment: float) -> None:
        moment = int(moment) + 1
        if moment > time.time():
            return
        at = datetime.fromtimestamp(moment, UTC).isoformat()
        began = time.monotonic()
        self._litekeep(environ, "restore", "--at", at, "--to", "back.db", "--json")
        self.seconds.append(time.monotonic() - began)
        self.ages.append(check(self.folder / "back.db", moment))
        for path in self.folder.glob("back.db*"):
            path.unlink()

    def _figures(self, writer: Writer, code: int, ran: dict[str, Any]) -> dict[str, Any]:
        ages, seconds = sorted(self.ages), sorted(self.seconds)
        return {
            "minutes": self.minutes,
            "every_seconds": self.every,
            "transfers": writer.transfers,
            "loop": ran,
            "loop_exit": code,
            "restores": len(ages),
            "data_age_seconds": {"median": round(ages[len(ages) // 2], 1), "most": round(ages[-1], 1)},
            "restore_seconds": {"median": round(seconds[len(seconds) // 2], 1), "most": round(seconds[-1], 1)},
            "loop_memory_mb": {"first": self.memory[0] >> 20, "last": self.memory[-1] >> 20},
            "stored_bytes": sum(path.stat().st_size for path in self.folder.glob("backups/continuous/**/*.*")),
            "database_bytes": (self.folder / "app.db").stat().st_size,
        }


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="a new folder")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--every", type=int, default=10, help="seconds")
    options = parser.parse_args()
    options.folder.mkdir(parents=True)
    print(json.dumps(Soak(options.folder, options.minutes, options.every).run(), indent=1))


if __name__ == "__main__":
    main()
