"""Object names: they round-trip, and hostile ones are refused."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import UsageError
from shared.model import names
from shared.model.kinds import Kind, kind_of_name
from shared.model.manifest import checked_name
from shared.model.names import BackupName, Format

NOON = datetime(2024, 1, 15, 12, 0, 0, 123456, tzinfo=UTC)
IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}", fullmatch=True).filter(
    lambda name: not any(part in name for part in (".manifest", ".sql", ".sqlite", ".verified-"))
)
DATABASES = st.text(min_size=1, max_size=15)


@given(kind=st.sampled_from(Kind), database=DATABASES, backup_id=IDS, encrypted=st.booleans())
def test_object_name_round_trip(kind: Kind, database: str, backup_id: str, encrypted: bool) -> None:
    name = BackupName(kind, database, backup_id)
    roles = {name.manifest: "manifest", name.verdict(NOON): "verdict"}
    roles |= {name.artifact(form, encrypted=encrypted): form.value for form in Format}
    for text, role in roles.items():
        parsed = names.parse(text)
        assert parsed is not None
        assert (parsed.backup, parsed.role) == (name, role)
    assert names.parse(name.verdict(NOON)).verified_at == NOON  # type: ignore[union-attr]


@given(DATABASES)
def test_encoded_database_name_is_one_visible_path_part(database: str) -> None:
    encoded = names.encode_database(database)
    assert "/" not in encoded
    assert "\0" not in encoded
    assert not encoded.startswith(".")
    assert names.decode_database(encoded) == database


@pytest.mark.parametrize(
    "name",
    [
        "",
        "daily",
        "daily/app.db/x",
        "daily/app.db/x.txt",
        "daily/app.db/.manifest.json",
        "daily/../x.manifest.json",
        "daily/./x.manifest.json",
        "daily/a/b/x.manifest.json",
        "/daily/app.db/x.manifest.json",
        "daily//x.manifest.json",
        "hourly/app.db/x.manifest.json",
        "daily/app.db/-x.manifest.json",
        "daily/app.db/a b.manifest.json",
        "daily/app.db/x.verified-now.json",
        "daily/app.db/x.verified-20249999T000000Z.json",
        "daily/%61pp.db/x.manifest.json",  # another spelling of app.db
        "daily/%2e%2e/x.manifest.json",
        "daily/app.db/x.manifest.json.enc",
        "daily/app.db/x.sql.gz.enc.enc",
        "daily/app.db/" + "x" * 200 + ".manifest.json",
    ],
)
def test_unknown_or_inexact_names_are_not_parsed(name: str) -> None:
    assert names.parse(name) is None


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "-rf", ".hidden", "a b", "a\nb", "ä", "x" * 129, "v1.sqlite", "a.manifest"]
)
def test_unsafe_or_ambiguous_id_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="not allowed"):
        names.check_id(name)


@pytest.mark.parametrize("name", ["backup-2024-01-15-000000", "pre-deployment-v1.5.0", "0", "A_b-c.d", "x" * 128])
def test_valid_id_is_accepted_unchanged(name: str) -> None:
    assert checked_name(Kind.DAILY, "app.db", name).id == name


def test_automatic_id_is_the_time_in_utc() -> None:
    assert names.automatic_id(NOON) == "backup-2024-01-15-120000"


def test_name_implies_its_kind() -> None:
    assert kind_of_name("pre-deployment-v1.5.0") is Kind.PRE_DEPLOYMENT
    assert kind_of_name("milestone-1") is Kind.MILESTONE
    assert kind_of_name("before-lunch") is Kind.ON_DEMAND
    assert kind_of_name(None) is Kind.ON_DEMAND


def test_database_name_too_long_for_a_file_name_is_refused() -> None:
    with pytest.raises(UsageError, match="too long"):
        names.encode_database("ä" * 40)
