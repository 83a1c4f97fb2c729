"""The recovery sheet."""

from shared.operations.rekey.sheet import Sheet, sheet_of


def test_recovery_sheet_names_copy_store() -> None:
    sheet = Sheet("2026-11-29", "litekeep 1", "gs://main", "gs://copy of it", "file:k", "file:1", ["AAAA"], ["app.db"])
    assert "If the store is lost: export BACKUP_STORE='gs://copy of it'" in sheet_of(sheet)
    alone = Sheet("2026-11-29", "litekeep 1", "gs://main", None, "file:k", "file:1", ["AAAA"], ["app.db"])
    assert "If the store is lost" not in sheet_of(alone)
