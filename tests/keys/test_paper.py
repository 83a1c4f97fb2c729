"""Keys on paper: the lines can be typed again, and a typing error is reported with its line number."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import KeyProblem, UsageError
from shared.keys.keyfile import KeyFile, secret_in
from shared.keys.paper import from_lines, to_lines


@settings(max_examples=100)
@given(st.binary(min_size=1, max_size=300))
def test_printed_lines_give_back_any_secret(secret: bytes) -> None:
    assert from_lines("\n".join(to_lines(secret))) == secret


def test_key_typed_from_paper_is_the_same_key(tmp_path: Path) -> None:
    made = KeyFile.create(tmp_path / "key")
    typed = "\n\n".join(
        line.lower().replace("o", "0").replace("i", "1") for line in to_lines(secret_in(tmp_path / "key"))
    )
    again = KeyFile.create_again(tmp_path / "again", from_lines(typed))
    assert again.name == made.name
    assert KeyFile.read(tmp_path / "again").unwrap(made.wrap(b"secret", b"x"), b"x") == b"secret"
    assert (tmp_path / "again").stat().st_mode & 0o777 == 0o600


def test_typing_error_reports_a_line() -> None:
    lines = to_lines(bytes(range(60)))
    for number, line in enumerate(lines):
        for at, character in enumerate(line):
            if character.isalnum():
                mistyped = line[:at] + ("A" if character != "A" else "B") + line[at + 1 :]
                with pytest.raises(UsageError, match=r"line"):
                    from_lines("\n".join([*lines[:number], mistyped, *lines[number + 1 :]]))


def test_swapped_characters_and_missing_or_foreign_lines_are_refused() -> None:
    lines, other = to_lines(bytes(range(60))), to_lines(bytes(range(1, 61)))
    swapped = lines[1][5:7] + lines[1][8:9] + lines[1][7:8]
    with pytest.raises(UsageError, match="line 2"):
        from_lines("\n".join([lines[0], lines[1][:5] + swapped + lines[1][9:], *lines[2:]]))
    with pytest.raises(UsageError, match="line 2 is missing"):
        from_lines("\n".join([lines[0], *lines[2:]]))
    with pytest.raises(UsageError, match="another sheet"):
        from_lines("\n".join([*lines, other[2]]))


@pytest.mark.parametrize("text", ["", "\n", "hello", "1/1", "1/1  AAAA", "9999999/1  AAAAA  BBBB", "0/0  AAAAA  BBBB"])
def test_text_that_is_not_a_sheet_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        from_lines(text)


def test_lines_without_a_key_create_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a Litekeep key"):
        KeyFile.create_again(tmp_path / "key", from_lines("\n".join(to_lines(b"something else"))))
    assert not (tmp_path / "key").exists()


def test_malformed_key_file_is_not_printed(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("{}")
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(KeyProblem):
        secret_in(tmp_path / "key")
