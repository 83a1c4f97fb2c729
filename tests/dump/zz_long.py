"""Whatever SQLite lets people put into a database comes back: databases made up by Hypothesis."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import apsw
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.dump.equality import quoted
from tests.dump.loading import edit_schema, round_trip

TYPES = ["", "INTEGER", "INT", "REAL", "TEXT", "BLOB", "NUMERIC", "DATETIME", "VARCHAR(10)", "FLOATING POINT", "ANY"]
STRICT_TYPES = ["INTEGER", "INT", "REAL", "TEXT", "BLOB", "ANY"]

names = st.text(st.sampled_from("ab_A1'\"`[]\r\n;-/*.#\t é漢$%{}go"), max_size=6)
raw_texts = st.one_of(
    st.binary(max_size=12),
    st.text(st.sampled_from("a'\r\n\0\\;é/.\ufffe"), max_size=10).map(str.encode),
    st.sampled_from(["12", "1e3", " 7", "0x1", "-0.0", "9223372036854775808", "2024-01-01", "inf"]).map(str.encode),
)
values = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-3, 3),
    st.floats(allow_nan=False),
    st.sampled_from([0.0, -0.0, 1.0, 2.5, 9.2e18, 1e19]),
    raw_texts.map(lambda raw: ("text", raw)),
    st.binary(max_size=8),
)


@dataclass
class Column:
    name: str
    declared: str
    constraint: str


@dataclass
class Table:
    name: str
    columns: list[Column]
    key: str  # none, rowid, text, without
    strict: bool
    rows: list[list[object]]
    loose: bool  # whether the rows go in before the columns have types
    extra: str
    index: str

    def sql(self, *, loose: bool = False) -> str:
        parts = []
        for place, column in enumerate(self.columns):
            # Alone, INTEGER PRIMARY KEY makes no index, so it cannot be left out for a while.
            is_alias = place == 0 and self.key == "text" and column.declared == "INTEGER"
            words = [quoted(column.name), "" if loose and not is_alias else column.declared]
            if place == 0 and self.key == "rowid":
                words[1:] = ["INTEGER PRIMARY KEY"]
            elif place == 0 and self.key == "text":
                words.append("PRIMARY KEY")
            elif not loose or column.constraint.startswith("UNIQUE"):
                words.append(column.constraint)
            parts.append(" ".join(words))
        if self.key == "without":
            keys = [quoted(column.name) for column in reversed(self.columns)]
            parts.append(f"PRIMARY KEY({', '.join(keys[:2])})")
        options = [word for word, on in (("WITHOUT ROWID", self.key == "without"), ("STRICT", self.strict)) if on]
        ending = ", ".join(options if not loose else options[:1] if self.key == "without" else [])
        return f"CREATE TABLE {quoted(self.name)}({', '.join(parts)}{'' if loose else self.extra}) {ending}"


@st.composite
def tables(draw: st.DrawFn, name: str) -> Table:
    strict = draw(st.booleans()) and draw(st.booleans())
    types = st.sampled_from(STRICT_TYPES if strict else TYPES)
    constraints = st.sampled_from(["", "", "", "UNIQUE", "UNIQUE COLLATE NOCASE", "NOT NULL", "DEFAULT 'it''s'"])
    columns = draw(
        st.lists(
            st.builds(Column, names, types, constraints), min_size=1, max_size=4, unique_by=lambda c: c.name.lower()
        )
    )
    rows = draw(st.lists(st.lists(values, min_size=len(columns), max_size=len(columns)), max_size=8))
    first = quoted(columns[0].name)
    extras = ["", "", f", CHECK({first} IS NOT 'no\r')", " -- end\n"]
    if not strict:
        extras += [f", g AS ({first} || 'x')", f", g AS (typeof({first})) STORED"]
    # Not || 'a': SQLite 3.40 and 3.54 make different text of some reals, so their indexes over it differ.
    index = draw(st.sampled_from(["", f"({first})", f"({first} DESC, typeof({first}))", f"(unhex({first}))"]))
    return Table(
        name,
        columns,
        draw(st.sampled_from(["none", "none", "rowid", "text", "without"])),
        strict,
        rows,
        draw(st.booleans()),
        draw(st.sampled_from(extras)),
        index,
    )


@st.composite
def databases(draw: st.DrawFn) -> Callable[[apsw.Connection], None]:
    table_names = draw(st.lists(names, max_size=3, unique_by=str.lower))
    made = [draw(tables(name)) for name in table_names]
    encoding = draw(st.sampled_from(["UTF-8", "UTF-8", "UTF-16le", "UTF-16be"]))
    auto_vacuum = draw(st.integers(0, 2))
    analyzed = draw(st.booleans())

    def build(db: apsw.Connection) -> None:
        db.execute(f"PRAGMA encoding='{encoding}'; PRAGMA auto_vacuum={auto_vacuum}; PRAGMA user_version={len(made)}")
        for table in made:
            note(table.sql())
            with suppress(apsw.Error):  # some combinations SQLite itself refuses
                add(db, table)
        if analyzed:
            db.execute("ANALYZE")

    return build


def add(db: apsw.Connection, table: Table) -> None:
    name = quoted(table.name)
    loose = table.loose and "AS (" not in table.extra
    with db:
        db.execute(table.sql())
        if loose:
            db.execute(f"DROP TABLE {name}")
            db.execute(table.sql(loose=True))
    for row in table.rows:
        terms = ["CAST(? AS TEXT)" if isinstance(value, tuple) else "?" for value in row]
        plain = [value[1] if isinstance(value, tuple) else value for value in row]
        places = ", ".join(quoted(column.name) for column in table.columns)
        with suppress(apsw.Error):
            db.execute(f"INSERT OR IGNORE INTO {name}({places}) VALUES({', '.join(terms)})", plain)
    if loose:
        edit_schema(db, table.name, table.sql().strip())
    if table.index:
        with suppress(apsw.Error):
            db.execute(f"CREATE INDEX {quoted('i' + table.name)} ON {name}{table.index}")
    db.execute(f"CREATE VIEW {quoted('v' + table.name)} AS SELECT * FROM {name} -- end\n;")
    db.execute(f"CREATE TRIGGER {quoted('t' + table.name)} AFTER INSERT ON {name} BEGIN DELETE FROM {name}; END")


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(databases())
def test_any_database_makes_the_round_trip(
    tmp_path_factory: pytest.TempPathFactory, build: Callable[[apsw.Connection], None]
) -> None:
    round_trip(tmp_path_factory.mktemp("any"), build, loaders=["shell", "ours"])
