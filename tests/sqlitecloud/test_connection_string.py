"""Connection strings are parsed exactly, or refused with an error that contains no secret."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import UsageError
from shared.sqlitecloud.connection_string import Secret, parse_connection_string

SECRET = "hunter2SECRET"


def test_all_parts_of_a_connection_string_are_parsed() -> None:
    found = parse_connection_string(
        "SQLiteCloud://a%40b:p%40%3A%2F%3F%23%25w%2B+d@Node.Example:8861/my%20db.sqlite?timeout=1.5&CONNECT_TIMEOUT=7"
        "&root_certificate=%2Fetc%2Fmy%20ca.pem&insecure=false&compression=true&no_verify_certificate=0"
    )
    address = found.address
    assert found.database == "my db.sqlite"
    assert (address.host, address.port) == ("node.example", 8861)
    assert (address.login.kind, address.login.user) == ("PASSWORD", "a@b")
    assert address.login.secret.reveal() == "p@:/?#%w++d"
    assert (address.timeout, address.connect_timeout) == (1.5, 7.0)
    assert address.root_certificate == Path("/etc/my ca.pem")
    assert address.insecure is False


@pytest.mark.parametrize("key", ["00123", "a+b", "0123456789012345678901234567890123456789abc"])
@pytest.mark.parametrize("kind", ["apikey", "token"])
def test_keys_are_not_converted(kind: str, key: str) -> None:
    login = parse_connection_string(f"sqlitecloud://h/db?{kind}={key}").address.login
    assert (login.kind, login.secret.reveal()) == (kind.upper(), key)


@pytest.mark.parametrize(
    ("where", "host", "port", "display"),
    [
        ("h.sqlite.cloud", "h.sqlite.cloud", None, "sqlitecloud://h.sqlite.cloud"),
        ("[::1]:8860", "::1", 8860, "sqlitecloud://[::1]:8860"),
        ("[fe80::1]", "fe80::1", None, "sqlitecloud://[fe80::1]"),
        ("127.0.0.1:1", "127.0.0.1", 1, "sqlitecloud://127.0.0.1:1"),
    ],
)
def test_host_may_be_a_name_or_an_ipv4_or_ipv6_address(where: str, host: str, port: int | None, display: str) -> None:
    address = parse_connection_string(f"sqlitecloud://{where}/db?apikey={SECRET}").address
    assert (address.host, address.port, address.display) == (host, port, display)


def test_database_name_is_optional() -> None:
    for text in ("sqlitecloud://h?apikey=k", "sqlitecloud://h/?apikey=k"):
        assert parse_connection_string(text).database is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"http://h/db?apikey={SECRET}", "begin with sqlitecloud://"),
        (f"sqlitecloud://h/db?apikey={SECRET} ", "blank"),
        (f"sqlitecloud://h/db?apikey={SECRET}\n", "blank"),
        ("sqlitecloud://h/db", "exactly one"),
        (f"sqlitecloud://h/db?apikey={SECRET}&token=x{SECRET}", "exactly one"),
        (f"sqlitecloud://u:{SECRET}@h/db?apikey={SECRET}", "exactly one"),
        (f"sqlitecloud://{SECRET}@h/db", "USER:PASSWORD"),
        (f"sqlitecloud://:{SECRET}@h/db", "USER:PASSWORD"),
        ("sqlitecloud://u:@h/db", "USER:PASSWORD"),
        (f"sqlitecloud://u:a@{SECRET}@h/db", "USER:PASSWORD"),
        (f"sqlitecloud://u:{SECRET}#x@h/db", "%23"),
        (f"sqlitecloud://u:{SECRET}/x@h/db", "PORT"),
        (f"sqlitecloud://u:{SECRET}?x@h/db", "PORT"),
        (f"sqlitecloud://u:%zz{SECRET}@h/db", "%25"),
        (f"sqlitecloud://u:%ff{SECRET}@h/db", "printable"),
        (f"sqlitecloud://u:%00{SECRET}@h/db", "printable"),
        (f"sqlitecloud:///db?apikey={SECRET}", "HOST"),
        (f"sqlitecloud://h_?{SECRET}", "unknown option"),
        (f"sqlitecloud://h:0/db?apikey={SECRET}", "PORT"),
        (f"sqlitecloud://h:65536/db?apikey={SECRET}", "PORT"),
        (f"sqlitecloud://h:x/db?apikey={SECRET}", "PORT"),
        (f"sqlitecloud://[::1/db?apikey={SECRET}", "HOST"),
        (f"sqlitecloud://h/db?apikey={SECRET}&apikey={SECRET}", "twice"),
        (f"sqlitecloud://h/db?apikey=&token={SECRET}", "no value"),
        (f"sqlitecloud://h/db?apikey={SECRET}&wrong{SECRET}", "unknown option"),
        (f"sqlitecloud://h/db?apikey={SECRET}&insecure=yes", "neither true nor false"),
        (f"sqlitecloud://h/db?apikey={SECRET}&no_verify_certificate=true", "must not be true"),
        (f"sqlitecloud://h/db?apikey={SECRET}&insecure=true", "refused in production"),
        (f"sqlitecloud://h/db?apikey={SECRET}&insecure=1", "refused in production"),
        (f"sqlitecloud://h/db?apikey={SECRET}&timeout=0", "seconds"),
        (f"sqlitecloud://h/db?apikey={SECRET}&timeout=-1", "seconds"),
        (f"sqlitecloud://h/db?apikey={SECRET}&timeout=1e9", "seconds"),
        (f"sqlitecloud://h/db?apikey={SECRET}&create=true", "create"),
        (f"sqlitecloud://h/db?apikey={SECRET}&non_linearizable=true", "leader"),
        (f"sqlitecloud://h/db?apikey={SECRET}&certificate_key=k.pem", "needs the option certificate"),
        (f"sqlitecloud://h/db%3BREMOVE?apikey={SECRET}", "database name"),
        (f"sqlitecloud://h/a/b?apikey={SECRET}", "database name"),
        (f"sqlitecloud://h/a%27b?apikey={SECRET}", "database name"),
        (f"sqlitecloud://u/{SECRET}@h/db?apikey=k", "database name"),
        (f"sqlitecloud://h/%20a?apikey={SECRET}", "database name"),
    ],
)
def test_invalid_string_is_refused_with_the_reason_and_no_secret(text: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_connection_string(text)
    assert why in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_insecure_must_be_set_and_allowed() -> None:
    text = "sqlitecloud://h/db?apikey=k&insecure="
    assert parse_connection_string(text + "true", allow_insecure=True).address.insecure is True
    assert parse_connection_string(text + "false", allow_insecure=True).address.insecure is False


def test_secrets_are_hidden_in_repr_and_display() -> None:
    for text in (f"sqlitecloud://h/db?apikey={SECRET}", f"sqlitecloud://u:{SECRET}@h/db"):
        found = parse_connection_string(text)
        assert SECRET not in f"{found} {found!r} {found.address.display} {Secret(SECRET)!r} {Secret(SECRET)}"


@given(st.text(max_size=60).map("sqlitecloud://".__add__) | st.from_regex(r"sqlitecloud://[a-z:@/?&=%#.\[\]]{0,40}"))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        found = parse_connection_string(text)
    except UsageError:
        return
    assert found.address.host
