"""The reports of drills in the store: names, page and plot; and reading reports that others stored there."""

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import StoreError, UsageError
from shared.model import names, report_names
from shared.model.kinds import Kind
from shared.model.names import BackupName
from shared.model.report_names import DrillName
from shared.operations.drill.attempt import Attempt, Role
from shared.operations.drill.drill import Drill
from shared.operations.drill.history import drill_names, past_drills
from shared.operations.drill.judge import recovery_times
from shared.operations.drill.page import to_markdown
from shared.operations.drill.plot import PlottedDrill, draw
from shared.operations.drill.publish import publish
from shared.operations.verify.check import Check
from shared.stores import StoredObject
from shared.stores.folder import FolderStore
from shared.stores.gcs import BucketStore
from shared.text import duration
from tests.operations.drill.yard import SUNDAY
from tests.servers.gcs.fixtures import bucket, gcs, gcs_port
from tests.servers.gcs.proxy import Proxy

__all__ = ["bucket", "gcs", "gcs_port"]

HOSTILE = [
    "../../etc/passwd",
    "a|b",
    "x\n# owned",
    "<script>alert(1)</script>",
    "[click](http://evil.example)",
    "![x](y)",
    "`rm`",
    "http://evil.example",
    "\x1b[31mred",
    "drills",
    ".",
    "a/b",
    "\u202etxt.exe",
]


def attempt(role: Role = Role.LATEST, database: str = "app.db", **changes: object) -> Attempt:
    name = BackupName(Kind.DAILY, database, "b1")
    made = Attempt(
        role,
        name,
        SUNDAY - timedelta(hours=3),
        "backups",
        size_bytes=10,
        artifact=f"{name.prefix}.sqlite.zst",
        rows=3,
        tables=1,
        restore_seconds=1.0,
        recovery_seconds=2.0,
        app_seconds=0.5,
        checks=[Check("restore", ok=True, detail="rebuilt")],
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def drill(database: str = "app.db", **changes: object) -> Drill:
    attempts = [attempt(database=database)]
    times = recovery_times(attempts, has_copy_store=False)
    ended = SUNDAY + timedelta(seconds=9)
    made = Drill(database, SUNDAY, ended, "backups", None, 7, 0, attempts, times, [])
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "backups")


def stored(store: FolderStore) -> dict[str, str]:
    found = {}
    for item in store.list_objects():
        with store.open(item.name) as stream:
            found[item.name] = stream.read().decode("utf-8", "replace")
    return found


@settings(max_examples=100, deadline=None)
@given(
    st.one_of(st.text(min_size=1, max_size=30), st.sampled_from(HOSTILE)),
    st.datetimes(datetime(1900, 1, 1), datetime(9999, 1, 1)),  # noqa: DTZ001 - the time zone is set below
    st.booleans(),
)
def test_drill_names_round_trip_and_stay_in_their_folder(database: str, held_at: datetime, passed: bool) -> None:
    try:
        names.encode_database(database)
    except UsageError:  # no backup can have that name either
        return
    name = DrillName(database, held_at.replace(tzinfo=UTC), passed)
    assert report_names.parse_drill(name.report) == name
    for object_name in (name.report, name.page, name.plot):
        assert object_name.count("/") == 2
        assert object_name.startswith("drills/")
        assert "/." not in object_name
        assert names.parse(object_name) is None, "it belongs to no backup"


@pytest.mark.parametrize(
    "name",
    [
        "drills/app.db/20240204T030000000000Z.passed.md",
        "drills/app.db/20240204T030000Z.passed.json",
        "drills/app.db/20240204T030000000000Z.good.json",
        "drills/app.db/20240299T030000000000Z.passed.json",
        "drills/app.db/x20240204T030000000000Z.passed.json",
        "drills/app.db/20240204T030000000000Z.passed.json.bak",
        "drills/app.db/sub/20240204T030000000000Z.passed.json",
        "drills/20240204T030000000000Z.passed.json",
        "drills/a b/20240204T030000000000Z.passed.json",
        "drills/../20240204T030000000000Z.passed.json",
        "drills/%2e%2e/20240204T030000000000Z.passed.json",
        "daily/app.db/20240204T030000000000Z.passed.json",
        "drills/app.db/\u0662\u0660240204T030000000000Z.passed.json",
        "drills/app.db/00010101T000000000000Z.passed.json",
    ],
)
def test_malformed_drill_names_are_rejected(name: str) -> None:
    assert report_names.parse_drill(name) is None


def test_report_is_written_last(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    order = []
    create = FolderStore.create

    def noted(self: FolderStore, name: str, content: bytes, metadata: Mapping[str, str]) -> StoredObject:
        order.append(name.rsplit(".", 1)[-1])
        return create(self, name, content, metadata)

    monkeypatch.setattr(FolderStore, "create", noted)
    publish(store, drill(), [])
    assert order == ["svg", "md", "json"]


@pytest.mark.parametrize("ending", ["svg", "md", "json"])
@pytest.mark.parametrize("error", [StoreError("full"), KeyboardInterrupt()])
def test_failed_report_leaves_no_objects(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch, ending: str, error: BaseException
) -> None:
    create = FolderStore.create

    def failing(self: FolderStore, name: str, content: bytes, metadata: Mapping[str, str]) -> StoredObject:
        if name.endswith(ending):
            raise error
        return create(self, name, content, metadata)

    monkeypatch.setattr(FolderStore, "create", failing)
    with pytest.raises(type(error)):
        publish(store, drill(), [])
    assert stored(store) == {}


def test_next_drill_reads_figures_of_the_last(store: FolderStore) -> None:
    publish(store, drill(), [])
    (found,) = past_drills(store, "app.db")
    assert (found.name, found.backup_id, found.readable) == (drill().name, "b1", True)
    assert found.seconds == {Role.LATEST: 2.0}
    assert found.data_age_seconds == 3 * 3600
    assert past_drills(store, "other.db") == []


def test_bad_restore_is_not_plotted(store: FolderStore) -> None:
    bad = attempt(not_good=True)
    publish(store, drill(attempts=[bad], findings=["it is not good"]), [])
    (found,) = past_drills(store)
    assert (found.name.passed, found.seconds) == (False, {})


REPORTS = [
    b"",
    b"{",
    b"[]",
    b"[" * 100_000,
    b'"text"',
    b"\xff\xfe",
    b'{"restores": 7}',
    b'{"restores": [7, {"role": ["latest"]}, {"role": {}}]}',
    b'{"restores": [{"role": "latest", "good": true, "recovery_seconds": NaN, "backup_id": "../x"}]}',
    b'{"restores": [{"role": "latest", "good": true, "recovery_seconds": -1, "backup_id": 7}]}',
    b'{"restores": [{"role": "latest", "good": true, "recovery_seconds": 1e999}]}',
    b'{"restores": [{"role": "latest", "good": true, "recovery_seconds": true}], "data_age_seconds": "<b>"}',
    b'{"restores": [{"role": "latest", "good": true, "recovery_seconds": 1' + b"0" * 400 + b"}]}",
    b'{"restores": [{"role": "latest", "good": true, "recovery_seconds": 1' + b"0" * 9000 + b"}]}",
    b" " * ((4 << 20) + 1),
]


@pytest.mark.parametrize("content", REPORTS, ids=range(len(REPORTS)))
def test_only_valid_numbers_are_read_from_old_reports(store: FolderStore, content: bytes) -> None:
    old = DrillName("app.db", SUNDAY - timedelta(days=28), True)
    store.create(old.report, content, {})
    (found,) = past_drills(store, "app.db")
    assert (found.name, found.seconds, found.data_age_seconds, found.backup_id) == (old, {}, None, None)
    publish(store, drill(), [found])
    ET.fromstring(stored(store)[drill().name.plot])


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_do_not_become_markup(store: FolderStore, text: str) -> None:
    bad = Check(text, ok=False, detail=text)
    held = drill(text, attempts=[attempt(database=text, app_checks=[bad], error=text)], findings=[text], store=text)
    page = to_markdown(held)
    plain = to_markdown(
        drill(attempts=[attempt(app_checks=[replace(bad, name="x", detail="x")], error="x")], findings=["x"])
    )
    assert page.count("\n") == plain.count("\n"), "no new line"
    assert "<script" not in page
    assert "](http" not in page
    assert "://evil" not in page.replace(":\\//", "")
    assert "\x1b" not in page
    assert "\u202e" not in page
    for line, other in zip(page.splitlines(), plain.splitlines(), strict=True):
        assert line.replace("\\|", "").count("|") == other.count("|"), "no new cell"
    publish(store, held, [])
    assert drill_names(store) == [held.name]
    svg = stored(store)[held.name.plot]
    assert text not in svg or text in (".", "drills")
    ET.fromstring(svg)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.dictionaries(st.sampled_from(list(Role)), st.floats(0, 1e9))), max_size=40))
def test_plot_marks_every_drill_within_its_frame(past: list[tuple[bool, dict[Role, float]]]) -> None:
    points = [
        PlottedDrill(SUNDAY + timedelta(days=28 * n), passed, seconds) for n, (passed, seconds) in enumerate(past)
    ]
    svg = ET.fromstring(draw(points))
    width, height = (float(svg.attrib[side]) for side in ("width", "height"))
    drawn = 0
    for element in svg.iter():
        for side, limit in (("cx", width), ("cy", height), ("x", width), ("y", height), ("y1", height), ("x2", width)):
            assert 0 <= float(element.attrib.get(side, 0)) <= limit
        drawn += element.tag.endswith("circle")
    shown = sum(Role.LATEST in point.seconds for point in points[-24:])
    assert drawn == shown + (1 if shown else 0), "a mark for each drill that measured it, and one in the legend"


def test_plot_places_slower_recoveries_higher() -> None:
    points = [PlottedDrill(SUNDAY, True, {Role.LATEST: seconds}) for seconds in (1.0, 60.0, 3600.0)]
    svg = ET.fromstring(draw(points))
    marks = [float(e.attrib["cy"]) for e in svg.iter() if e.tag.endswith("circle")][:3]
    targets = [float(e.attrib["y1"]) for e in svg.iter() if e.attrib.get("stroke-dasharray")]
    assert marks[0] > marks[1] > marks[2]
    assert marks[2] == targets[0], "an hour is at the target of one hour"
    assert targets == sorted(targets, reverse=True)


def test_report_page_shows_the_whole_drill(store: FolderStore) -> None:
    held = drill(findings=["something"], candidates=3)
    page = to_markdown(held)
    assert "\u274c failed" in page.splitlines()[0]
    assert "- something" in page
    assert "| minor corruption | 2.00 s | 1 h |" in page
    assert f"]({held.name.plot.rsplit('/', 1)[-1]})" in page
    assert "one of 3, chosen by the seed 7" in page


def test_drills_are_listed_newest_first(store: FolderStore) -> None:
    moments = [SUNDAY + timedelta(days=28 * n) for n in range(5)]
    random.Random(1).shuffle(moments)
    for number, moment in enumerate(moments):
        store.create(DrillName(f"db{number % 2}", moment, bool(number % 3)).report, b"{}", {})
        store.create(f"drills/db0/{number}.txt", b"not one", {})
    found = drill_names(store)
    assert [name.held_at for name in found] == sorted(moments, reverse=True)
    assert {name.database for name in drill_names(store, "db0")} == {"db0"}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00 s"), (0.424, "0.42 s"), (9.99, "9.99 s"), (9.996, "10 s"), (59.4, "59 s"), (59.6, "1 min"),
        (250, "4 min 10 s"), (3600, "1 h"), (7500, "2 h 5 min"), (86400, "1 d"), (273600, "3 d 4 h"), (-5, "-5.00 s"),
    ],
)  # fmt: skip
def test_durations_are_formatted_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_json_report_contains_only_valid_json_values(store: FolderStore) -> None:
    publish(store, drill(), [])

    def refuse(text: str) -> None:
        raise AssertionError(text)

    report = json.loads(stored(store)[drill().name.report], parse_constant=refuse)
    assert report["passed"] is True
    assert report["recovery_times"][3]["met"] is None


def test_past_drills_of_bucket_cost_one_listing_and_one_request_each(gcs: Proxy, bucket: str) -> None:
    store = BucketStore(bucket)
    held = [DrillName("app.db", datetime(2024, 1, day, tzinfo=UTC), day % 2 == 0) for day in range(1, 13)]
    for name in held:
        store.create(name.report, json.dumps({"data_age_seconds": name.held_at.day}).encode(), {})
    asked = len(gcs.seen)
    found = past_drills(BucketStore(bucket), "app.db")
    assert len(gcs.seen) - asked == 1 + len(held)
    assert [drill.data_age_seconds for drill in found] == list(range(12, 0, -1))
