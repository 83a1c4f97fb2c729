"""Credentials from any source never appear in output, logs or files."""

import sys

import pytest

from shared.redaction import redact
from tests import forker
from tests.cli.conftest import Workplace

KEY = "S3cr3tK3y0123456789"
SPELLINGS = [
    f'"sqlitecloud://h.sqlite.cloud/db?apikey={KEY}"',
    f"'sqlitecloud://h.sqlite.cloud/db?apikey={KEY}'",
    f" sqlitecloud://h.sqlite.cloud/db?apikey={KEY}",
    f"\tsqlitecloud://h.sqlite.cloud/db?apikey={KEY}",
    f"\ufeffsqlitecloud://h.sqlite.cloud/db?apikey={KEY}",
    f"export DATABASE_URL=sqlitecloud://h.sqlite.cloud/db?apikey={KEY}",
    f"DATABASE_URL=sqlitecloud://h.sqlite.cloud/db?apikey={KEY}",
    f"jdbc:sqlitecloud://h.sqlite.cloud/db?apikey={KEY}",
    f"sqlitecloud//h.sqlite.cloud/db?apikey={KEY}",
    f"sqlitecloud:/h.sqlite.cloud/db?apikey={KEY}",
    f"sqlitecloud:h.sqlite.cloud/db?apikey={KEY}",
    f"sqlitecloud ://h.sqlite.cloud/db?apikey={KEY}",
    f"<sqlitecloud://h.sqlite.cloud/db?apikey={KEY}>",
    f"`sqlitecloud://h.sqlite.cloud/db?apikey={KEY}`",
    f"admin:{KEY}@h.sqlite.cloud/db",
    f"admin:{KEY}@h.sqlite.cloud:8860/db",
    f"//admin:{KEY}@h.sqlite.cloud/db",
    f"h.sqlite.cloud/db?token={KEY}",
    f"h.sqlite.cloud/db?password={KEY}",
    f"postgres://u:{KEY}@h/db",
    f"sqlite:///db?apikey={KEY}",
    f"file:db?apikey={KEY}",
    f"file:admin:{KEY}@h/db",
    f"sqlitecloud://h.sqlite.cloud/db?apikey={KEY}\n extra",
]
COMMANDS = [["backup"], ["health"], ["status"], ["monitor"], ["restore", "--backup", "latest"]]


def all_that_is_there(workplace: Workplace) -> str:
    """Returns all names and contents below the work folder, without the settings files."""
    texts = [str(path.relative_to(workplace.folder)) for path in workplace.folder.rglob("*")]
    texts += [path.read_bytes().decode("latin-1") for path in workplace.folder.rglob("*") if path.is_file()]
    return "\n".join(texts)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_misspelt_database_url_exits_2_and_is_not_repeated(workplace: Workplace, spelling: str) -> None:
    for command in COMMANDS:
        outcome = workplace.run(*command, DATABASE_URL=spelling)
        assert KEY not in outcome.out + outcome.err, command
        assert outcome.code in ((1, 2) if command[0] == "health" else (2,)), (command, outcome.err)
        assert "DATABASE_URL" in outcome.err + outcome.out
    assert KEY not in all_that_is_there(workplace)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_misspelt_target_exits_2_and_is_not_repeated(workplace: Workplace, spelling: str) -> None:
    workplace.good("backup")
    outcome = workplace.run("restore", "--backup", "latest", "--to", spelling)
    assert outcome.code == 2
    assert "--to" in outcome.err
    assert KEY not in outcome.out + outcome.err + all_that_is_there(workplace)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", ["BACKUP_STORE", "BACKUP_COPY_STORE", "BACKUP_KEY"])
def test_credential_in_another_setting_is_not_repeated(workplace: Workplace, name: str, spelling: str) -> None:
    value = f"file:{spelling}" if name == "BACKUP_KEY" else spelling
    outcome = workplace.run("backup", **{name: value})
    assert outcome.code == 2
    assert name in outcome.err
    assert KEY not in outcome.out + outcome.err + all_that_is_there(workplace)


@pytest.mark.parametrize("arguments", [["backup"], ["status", "--json"], ["list", "--debug"], []])
def test_unexpected_argument_is_masked_in_errors_and_tracebacks(workplace: Workplace, arguments: list[str]) -> None:
    done = forker.run(
        [sys.executable, "-m", "litekeep", *arguments, f"sqlitecloud://h/db?apikey={KEY}"],
        cwd=workplace.folder,
        env=workplace.environment | {"DEBUG": "*"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert KEY not in done.stdout + done.stderr


@pytest.mark.parametrize("value", ["0", "false", "no", "off", "False"])
def test_false_values_of_debug_disable_tracebacks(workplace: Workplace, value: str) -> None:
    assert workplace.run("list", "--no-such-flag", DEBUG=value).code == 2  # run() refuses tracebacks


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_trailing_newline_of_a_setting_is_removed(workplace: Workplace, end: str) -> None:
    workplace.good("backup", BACKUP_STORE=f"./store{end}", ENVIRONMENT=f"staging{end}", DATABASE_URL=f"app.db{end}")
    assert sorted(path.name for path in workplace.folder.glob("store*")) == ["store"]


def test_setting_names_are_case_sensitive(workplace: Workplace) -> None:
    workplace.good("backup", database_url="wrong.db", backup_store="./other")
    assert not (workplace.folder / "other").exists()
    assert workplace.stored()


def test_dotenv_file_with_byte_order_mark_is_read(workplace: Workplace) -> None:
    (workplace.folder / ".env").write_bytes(b"\xef\xbb\xbfBACKUP_STORE=./marked\r\n")
    workplace.good("backup")
    assert (workplace.folder / "marked").is_dir()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sqlitecloud://h:8860/db", "sqlitecloud://h:8860/db"),
        ("sqlitecloud://u:pass@h/db?key=abc", "sqlitecloud://…@h/db?key=…"),
        ("at 2024-01-15T12:00:00Z from native@2024-01-15T12:00:00Z", None),
        ("serviceAccount:backup@p.iam.gserviceaccount.com", None),
        ("add key= to its connection string", None),
        ("apikey=abc,def)ghi TOKEN=def", "apikey=… TOKEN=…"),
    ],
)
def test_redaction_masks_credentials_and_nothing_else(text: str, shown: str | None) -> None:
    assert redact(text) == (shown or text)
