"""Plans the steps of a dump: each object by its own text if shells pass that on unchanged, else by a stand-in."""

import re

import apsw

from shared.dump.directions import Directions, declared_keys, declared_table, reversed_indexes, row_order
from shared.dump.entries import IndexEntries, has_unknown_collation, index_entries
from shared.dump.identifiers import free_name, spellings, survives_shells, with_unix_lines
from shared.dump.newer_json import holds_newer_json, may_read_json
from shared.dump.replay import Replay
from shared.dump.row_source import Rows, needs_stand_in, rows_of
from shared.dump.schema import (
    SchemaObject,
    codec,
    is_internal,
    is_user_table,
    read_schema,
    table_facts,
)
from shared.dump.standins import as_text, schema_edit, set_sql, stand_in
from shared.dump.steps import DumpPlan, Entries, Sql, TableRows
from shared.dump.tables import Table, key_columns, read_table
from shared.errors import NoSql, SourceError

_MODULE = re.compile(r"\bUSING\s+[\"'`\[]?(\w+)", re.IGNORECASE)
_DESC = re.compile(r"\bDESC\b", re.IGNORECASE)
_SEQUENCE = ("sqlite_sequence", "CREATE TABLE sqlite_sequence(name,seq)")
_STAT1 = "CREATE TABLE sqlite_stat1(tbl,idx,stat)"


class Planner:
    def __init__(
        self,
        connection: apsw.Connection,
        directions: Directions,
        dump_format: int,
        *,
        rows: bool,
        tables: frozenset[str] | None,
    ) -> None:
        self._format = dump_format
        self._connection = connection
        self._directions = directions
        self._with_rows = rows
        self._schema = read_schema(connection)
        self._facts = table_facts(connection)
        self._constraints: dict[str, list[SchemaObject]] = {}
        for entry in self._schema:
            if entry.kind == "index" and entry.sql is None:
                self._constraints.setdefault(entry.table, []).append(entry)
        self._wanted = self._selected(tables)
        self._known_modules = {str(name) for (name,) in connection.execute("SELECT name FROM pragma_module_list")}
        self._tables: dict[str, Table] = {}
        self._texts = {entry.name: entry.sql or "" for entry in self._schema if entry.kind == "table"}
        self._newer_json: dict[str, bool] = {}
        self._late_edits: list[str] = []  # edits of sqlite_schema that only views and triggers may depend on
        encoding = codec(connection)
        self.replay = Replay(encoding)
        taken = {entry.name.lower() for entry in self._schema}
        self.plan = DumpPlan(encoding, free_name("litekeep_helper", taken))

    def _selected(self, tables: frozenset[str] | None) -> frozenset[str] | None:
        """Returns the names of the tables to dump, with the shadow tables of virtual ones; None for all."""
        if tables is None:
            return None
        there = {entry.name for entry in self._schema if is_user_table(entry, self._facts)}
        if missing := sorted(tables - there):
            raise SourceError(f"no table {missing[0]!r} in this database: see its tables with litekeep list")
        shadows = {
            name for name, facts in self._facts.items() if facts.kind == "shadow" and name.rpartition("_")[0] in tables
        }
        return tables | shadows

    def _objects(self, kind: str) -> list[SchemaObject]:
        return [
            entry
            for entry in self._schema
            if entry.kind == kind and (self._wanted is None or (entry.table in self._wanted and entry.kind != "view"))
        ]

    def run(self) -> None:
        tables = self._objects("table")
        self.plan.tables = sum(is_user_table(entry, self._facts) for entry in tables)
        if self._wanted is None and self._with_rows:
            self.plan.objects = sum(not is_internal(entry.name) for entry in self._schema)
        virtual = [entry for entry in tables if not entry.root]
        for entry in tables:
            if entry.root and not is_internal(entry.name) and not self._is_recreated(entry, virtual):
                self._plan_table(entry)
        self._plan_sequence()
        for entry in self._objects("index"):
            if entry.sql is not None:
                self._plan_index(entry)
        for entry in virtual:
            self._plan_virtual_table(entry)
        if self._late_edits:
            self._add_generated(schema_edit(self._late_edits))
        self._plan_statistics()
        self._plan_views_or_triggers("view")
        self._plan_views_or_triggers("trigger")

    def reversed_indexes(self) -> Directions:
        indexes = [entry.name for entry in self._objects("index") if _DESC.search(entry.sql or "")]
        for entry in self._objects("table"):
            if entry.name in self._tables and _DESC.search(_sql(entry)):
                indexes += [constraint.index for constraint in self._tables[entry.name].constraints]
        return reversed_indexes(self._connection, self.replay.connection, indexes)

    def _add_generated(self, text: str) -> None:
        """Adds generated statements to the dump, and runs them in the replay."""
        try:
            self.replay.run(text)
        except apsw.Error as error:
            raise SourceError(f"a dump of this schema could not be loaded: {error}") from None
        self._add(Sql(text))

    def _add(self, step: Sql | TableRows | Entries) -> None:
        if self._with_rows or isinstance(step, Sql):
            self.plan.steps.append(step)

    def _survives(self, statement: str) -> bool:
        return survives_shells(statement, dump_format=self._format)

    def _plain_statement(self, entry: SchemaObject, made_with_it: frozenset[str] = frozenset()) -> str | None:
        """Returns the statement that creates exactly this object from its own text, or None if none does."""
        for statement in spellings(_sql(entry)):
            if self._survives(statement) and self.replay.is_plain(entry, statement, made_with_it):
                return statement
        return None

    def _add_own_text(self, entry: SchemaObject, made_with_it: frozenset[str] = frozenset()) -> str | None:
        """Plans the object by its own text, without CR if necessary. Returns the text it has while loading, or None."""
        text: str | None = _sql(entry)
        statement = self._plain_statement(entry, made_with_it)
        if statement is None and "\r" in _sql(entry) and (text := with_unix_lines(_sql(entry))):
            statement = self._plain_statement(entry._replace(sql=text), made_with_it)
            if statement is not None:
                self._late_edits.append(set_sql(entry.kind, entry.name, _sql(entry), self.plan.encoding))
        if statement is None:
            return None
        self._add(Sql(statement))
        return text

    def _plan_table(self, entry: SchemaObject) -> None:
        facts = self._facts.get(entry.name)
        if facts is None:
            raise NoSql(
                f"{entry.title} has another name in its own text: it cannot be dumped as SQL; "
                "back up the page image only (BACKUP_FORMATS=sqlite)"
            )
        table = declared_table(read_table(self._connection, entry.name, facts), self._directions)
        self._tables[entry.name] = table
        constraints = self._constraints.get(entry.name, [])
        names = frozenset(e.name for e in constraints)
        for constraint in constraints:
            self._note_collation(constraint)
        if not needs_stand_in(self._connection, table) and not self._computes_newer_json(table):
            text = self._add_own_text(entry, names)
            if text is not None:
                self._add(TableRows(self._ordered(rows_of(table), table), entry.name, (table, text)))
                return
        self._plan_stand_in(entry, table, constraints)

    def _plan_stand_in(self, entry: SchemaObject, table: Table, constraints: list[SchemaObject]) -> None:
        made = stand_in(table, _sql(entry), self.plan.encoding, self.plan.helper)
        self._add_generated(f"{made.create};\n")
        self._add(TableRows(self._ordered(made.rows, table), entry.name))
        edits, drops = [*made.finish], []
        if table.has_unique_virtual:
            for number, constraint in enumerate(constraints):
                entries = self._plan_entries(constraint, table, f"{self.plan.helper}_{number}")
                edits.append(entries.assign)
                drops.append(entries.drop)
        self._add_generated(schema_edit(edits))
        for drop in drops:
            self._add_generated(f"{drop};\n")
        self._check_constraints(table, constraints)

    def _ordered(self, rows: Rows, table: Table) -> Rows:
        return rows._replace(order=row_order(table, self._directions))

    def _check_constraints(self, table: Table, constraints: list[SchemaObject]) -> None:
        for constraint in constraints:
            wanted = key_columns(self._connection, constraint.name)
            found = key_columns(self.replay.connection, constraint.name)
            if [key.place for key in wanted] != [key.place for key in found]:
                raise NoSql(
                    f"table {table.name!r} has a constraint whose index a dump cannot rebuild:"
                    " back up the page image only (BACKUP_FORMATS=sqlite)"
                )

    def _computes_newer_json(self, table: Table, index_sql: str = "") -> bool:
        """Returns whether a generated column or this index may depend on JSON that an old shell cannot read."""
        computes = any(column.generated for column in table.columns)
        if not may_read_json(index_sql) and not (computes and may_read_json(self._texts[table.name])):
            return False
        if table.name not in self._newer_json:
            self._newer_json[table.name] = holds_newer_json(self._connection, table)
        return self._newer_json[table.name]

    def _plan_entries(self, index: SchemaObject, table: Table, helper: str) -> IndexEntries:
        columns = declared_keys(key_columns(self._connection, index.name), index.name, self._directions)
        entries = index_entries(index, table, columns, self.plan.encoding, helper)
        self._add_generated(f"{entries.create};\n")
        self._add(Entries(entries))
        self._add_generated(f"{entries.make};\n")
        return entries

    def _note_collation(self, index: SchemaObject) -> None:
        if has_unknown_collation(key_columns(self._connection, index.name)):
            self.plan.reindex.append(index.name)

    def _plan_index(self, entry: SchemaObject) -> None:
        self._note_collation(entry)
        table = self._tables[entry.table]
        if not self._computes_newer_json(table, _sql(entry)) and self._add_own_text(entry) is not None:
            return
        entries = self._plan_entries(entry, table, self.plan.helper)
        self._add_generated(schema_edit([entries.assign]))
        self._add_generated(f"{entries.drop};\n")

    def _plan_sequence(self) -> None:
        entry = next((e for e in self._schema if e.name.lower() == "sqlite_sequence"), None)
        if entry is None:
            return
        if self._wanted is None and (entry.name, entry.sql) != _SEQUENCE:
            raise NoSql(f"{entry.title} is not as SQLite writes it (sqlite_sequence): it cannot be dumped as SQL")
        if self._wanted is None and not self.replay.has("sqlite_sequence"):
            helper = f'"{self.plan.helper}"'
            self._add_generated(f"CREATE TABLE {helper}(id INTEGER PRIMARY KEY AUTOINCREMENT);\nDROP TABLE {helper};\n")
        if self._with_rows and self.replay.has("sqlite_sequence"):
            self._add(Sql("DELETE FROM sqlite_sequence;\n"))
            rows = rows_of(read_table(self._connection, entry.name, self._facts[entry.name]))
            names = None if self._wanted is None else sorted(self._wanted)
            only = "" if names is None else f"name IN ({','.join(as_text(n, 'utf-8') for n in names)})"
            self._add(TableRows(rows._replace(only=only), None))

    def _plan_statistics(self) -> None:
        if self._wanted is not None:
            return
        own = [entry for entry in self._schema if entry.kind == "table" and is_internal(entry.name)]
        # sqlite_stat1 first, regardless of its position: creating it may create sqlite_stat4, which is then dropped.
        for entry in sorted(own, key=lambda entry: entry.sql != _STAT1):
            if entry.name.lower() == "sqlite_sequence":
                continue
            if entry.sql == _STAT1:
                self._add(Sql("ANALYZE sqlite_schema;\nDROP TABLE IF EXISTS sqlite_stat4;\n"))
            elif self._survives(f"{entry.sql};\n"):
                self._add(Sql(schema_edit([_sql(entry)])))
            else:
                raise NoSql(f"{entry.title} has a definition that cannot be dumped as SQL")
            self._add(TableRows(rows_of(read_table(self._connection, entry.name, self._facts[entry.name])), None))

    def _is_recreated(self, entry: SchemaObject, virtual: list[SchemaObject]) -> bool:
        """Returns whether CREATE VIRTUAL TABLE will create this shadow table: only in a dump without rows."""
        owner = entry.name.rpartition("_")[0]
        return not self._with_rows and any(v.name == owner and self._is_known(v) for v in virtual)

    def _is_known(self, virtual: SchemaObject) -> bool:
        found = _MODULE.search(_sql(virtual))
        return found is not None and found.group(1).lower() in self._known_modules

    def _plan_virtual_table(self, entry: SchemaObject) -> None:
        if not self._with_rows and self._is_known(entry) and self._survives(f"{entry.sql};\n"):
            self._add(Sql(f"{entry.sql};\n"))
        elif self._wanted is not None and not self._is_known(entry):
            raise SourceError(
                f"virtual table {entry.name!r} needs a module that is unknown here, so its shadow tables"
                " cannot be identified: dump the whole database"
            )
        else:
            self._late_edits.append(self._insert_row(entry))

    def _insert_row(self, entry: SchemaObject) -> str:
        values = ",".join(as_text(text, self.plan.encoding) for text in (entry.kind, entry.name, entry.table))
        sql = as_text(entry.sql, self.plan.encoding)
        return f"INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql) VALUES({values},0,{sql})"

    def _plan_views_or_triggers(self, kind: str) -> None:
        """Plans views or triggers. They are only rows of sqlite_schema, so difficult ones are inserted there."""
        waiting: list[str] = []
        for entry in self._objects(kind):
            statement = self._plain_statement(entry)
            if statement is None:
                waiting.append(self._insert_row(entry))
                continue
            if waiting:  # before the next object, to keep their order
                self._add_generated(schema_edit(waiting))
                waiting = []
            self._add(Sql(statement))
        if waiting:
            self._add_generated(schema_edit(waiting))


def _sql(entry: SchemaObject) -> str:
    if entry.sql is None:
        raise NoSql(f"{entry.title} has no definition: it cannot be dumped as SQL")
    return entry.sql
