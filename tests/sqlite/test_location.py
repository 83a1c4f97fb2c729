"""Database locations: valid ones are parsed, invalid ones are refused without repeating a secret."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.databases.location import parse_location
from shared.errors import UsageError
from shared.sqlite.location import FileLocation
from shared.sqlitecloud.location import CloudLocation

_SECRET = "s3cr3t-hunter2"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("app.db", "app.db"),
        ("./data/app.db", "data/app.db"),
        ("/var/lib/app.db", "/var/lib/app.db"),
        ("file:app.db", "app.db"),
        ("file:/var/lib/app.db", "/var/lib/app.db"),
        ("file:///var/lib/app.db", "/var/lib/app.db"),
        ("FILE:app.db", "app.db"),
        ("file:a%20b.db", "a%20b.db"),
        ("odd:name.db", "odd:name.db"),
        ("what?.db", "what?.db"),
    ],
)
def test_path_or_file_url_names_a_file(url: str, path: str) -> None:
    found = parse_location(url)
    assert found == FileLocation(Path(path))
    assert found.database == Path(path).name
    assert found.display == path


@pytest.mark.parametrize(
    "url",
    [
        "",
        "  ",
        "file:",
        "file:///",
        "file:app.db?mode=memory",
        "file:app.db#x",
        "file://host/app.db",
        "file:..",
        "folder/",
        "/",
        "..",
        ".",
        "a\0b",
        f"postgres://user:{_SECRET}@host/db",
        f"gs://bucket/{_SECRET}",
        f"sqlitecloud://host?apikey={_SECRET}",
        f"sqlitecloud://user:{_SECRET}@/db",
        f"sqlitecloud://user:{_SECRET}@host:99999/db",
        f"sqlitecloud://user:{_SECRET}@[host/db",
        f"sqlitecloud://host/a/b?apikey={_SECRET}",
        f"sqlitecloud:host/db?apikey={_SECRET}",
    ],
)
def test_invalid_location_is_a_usage_error_without_the_secret(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_location(url)
    assert _SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "display"),
    [
        (f"sqlitecloud://h.sqlite.cloud:8860/app.db?apikey={_SECRET}", "sqlitecloud://h.sqlite.cloud:8860/app.db"),
        (f"sqlitecloud://admin:{_SECRET}@h.sqlite.cloud/a%20b", "sqlitecloud://h.sqlite.cloud/a b"),
        (f"sqlitecloud://[::1]:8860/app.db?token={_SECRET}", "sqlitecloud://[::1]:8860/app.db"),
    ],
)
def test_cloud_location_never_shows_its_credential(url: str, display: str) -> None:
    found = parse_location(url)
    assert isinstance(found, CloudLocation)
    assert found.display == display
    assert found.database == display.rsplit("/", 1)[1]
    assert _SECRET not in f"{found!r} {found} {found.display}"


@given(st.text(max_size=60) | st.text(max_size=60).map("sqlitecloud://".__add__) | st.text().map("file:".__add__))
def test_any_text_is_a_location_or_a_usage_error(text: str) -> None:
    try:
        found = parse_location(text)
    except UsageError:
        return
    assert found.database
