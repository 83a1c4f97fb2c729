"""Under a policy with a verifier, only verdicts and drills signed by it count."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.keys.signing import open_signer
from shared.statements.envelope import StatementKind, sign
from tests.approvals.people import allowing
from tests.cli.conftest import Outcome, Workplace


class Place:
    """A workplace whose policy names a verifier; `run` signs as that verifier."""

    def __init__(self, workplace: Workplace) -> None:
        self.workplace = workplace
        for name in ("verifier", "mallory"):
            workplace.good("keygen", "--signing", f"{name}.key")
        workplace.good("keygen", "own.key")
        key = open_signer(f"file:{workplace.folder}/verifier.key").public.pem
        policy = allowing(workplace.folder) | {"environment": "test", "verifier": {"key": key}}
        (workplace.folder / "policy.json").write_text(json.dumps(policy))
        workplace.environment["BACKUP_KEY"] = "file:own.key"
        workplace.good("backup", "--name", "one")

    def run(self, *arguments: str, key: str | None = "verifier", **settings: str) -> Outcome:
        signing = {} if key is None else {"BACKUP_SIGNING_KEY": f"file:{key}.key"}
        return self.workplace.run(*arguments, BACKUP_POLICY="policy.json", **signing, **settings)

    def listed(self, **settings: str) -> dict[str, Any]:
        (found,) = self.run("list", "--json", key=None, **settings).json
        return dict(found)

    def verdicts(self) -> list[Path]:
        return sorted(self.workplace.store.glob("*/*/one.verified-*.json"))


@pytest.fixture
def place(workplace: Workplace) -> Place:
    return Place(workplace)


def test_signed_verdict_counts_without_the_encryption_key(place: Place) -> None:
    assert place.run("verify", "--backup", "one").code == 0
    assert (place.listed()["verified"], place.listed()["verdict"]) == (True, "signed")
    assert ", signed by the verifier" not in place.run("status").out  # with the key, its seal is checked too
    (place.workplace.folder / "own.key").rename(place.workplace.folder / "away.key")
    assert (place.listed()["verified"], place.listed()["verdict"]) == (True, "signed")
    assert ", signed by the verifier" in place.run("status").out


@pytest.mark.parametrize("key", [None, "mallory"])
def test_only_the_verifier_records_verdicts(place: Place, key: str | None) -> None:
    outcome = place.run("verify", "--backup", "one", key=key)
    assert outcome.code == 1
    assert "the policy counts only what its verifier" in outcome.out + outcome.err
    assert (place.verdicts(), place.listed()["verified"]) == ([], None)


def test_unsigned_verdict_is_ignored_and_a_finding_under_a_policy(place: Place) -> None:
    place.workplace.good("verify", "--backup", "one")
    assert place.workplace.good("list", "--json").json[0]["verified"] is True
    found = place.listed()
    assert (found["verified"], "is not signed" in found["verdict_doubt"]) == (None, True)
    assert place.run("restore", "--backup", "latest-verified", "--to", "restored-1.db").code == 2
    assert "monitor.not_sealed" in place.run("monitor").err
    assert "is not signed" in place.run("status").out


def test_changed_copied_or_wrongly_signed_verdict_is_ignored(place: Place) -> None:
    place.workplace.good("backup", "--name", "two")
    place.run("verify", "--backup", "two")
    (other,) = place.workplace.store.glob("*/*/two.verified-*.json")
    copied = other.with_name(other.name.replace("two", "one"))
    copied.write_bytes(other.read_bytes())
    (place.workplace.folder / "own.key").rename(
        place.workplace.folder / "away.key"
    )  # only the signature can be checked

    def of_one() -> dict[str, Any]:
        return next(each for each in place.run("list", "--json", key=None).json if each["id"] == "one")

    assert of_one()["verified"] is None
    verdict = json.loads(other.read_text()) | {"id": "one"}
    copied.chmod(0o600)
    for signed, doubt in (
        (verdict["signed"], "its signature belongs to another content"),
        (None, "it is not signed"),
        ("x", "not one of the verifier"),
        (
            sign(open_signer(f"file:{place.workplace.folder}/mallory.key"), StatementKind.VERDICT, b"{}").decode(),
            "not one of",
        ),
        (verdict["signed"].replace("verdict+json", "request+json"), "not one of the verifier"),
    ):
        copied.write_text(json.dumps(verdict | {"signed": signed}))
        found = of_one()
        assert found["verified"] is None
        assert doubt in found["verdict_doubt"]


def test_verdict_of_a_replaced_manifest_is_ignored(place: Place) -> None:
    """Detected without the encryption key, by the SHA-256 in the verdict."""
    place.run("verify", "--backup", "one")
    (place.workplace.folder / "own.key").rename(place.workplace.folder / "away.key")
    (manifest,) = place.workplace.store.glob("*/*/one.manifest.json")
    manifest.chmod(0o600)
    manifest.write_text(manifest.read_text().replace('"note": null', '"note":  null') + " ")
    assert place.run("restore", "--backup", "latest-verified", "--to", "restored-1.db").code != 0
    assert "it is of another manifest" in place.run("status").out


def test_drill_counts_only_if_signed_by_the_verifier(place: Place) -> None:
    place.run("verify", "--backup", "one")
    assert place.run("drill", "--now", key=None).code == 1
    assert place.run("drill", "--list", "--json").json == []
    place.workplace.good("drill", "--now")
    assert len(place.workplace.good("drill", "--list", "--json").json) == 1
    assert place.run("drill", "--list", "--json").json == []
    assert "counts for nothing, it is not signed" in place.run("monitor").err
    place.run("drill", "--now")
    (held,) = place.run("drill", "--list", "--json").json
    assert held["readable"] is True
    report = place.workplace.store / held["report"]
    report.chmod(0o600)
    report.write_text(report.read_text().replace('"rows"', '"rowz"'))
    assert place.run("drill", "--list", "--json").json == []
