"""The policy file: wrong or unsigned ones are refused, and the mounted one overrides the settings."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.errors import NotPermitted, UsageError
from shared.policy import place
from shared.policy.file import lacking_signatures, parse_policy, read_policy_in_force
from shared.settings import Settings
from shared.terminal.approvals import check_alone
from tests.approvals.people import ANA, BEN, CARLA, CONSOLE, GLASS, VERIFIER, document, person, policy, signed

TWO = [person("ana", ANA), person("ben", BEN)]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"people": TWO[:1]}, "name two or more"),
        ({"people": [], "console": {"key": CONSOLE.public.pem, "may_attest": ["*"]}}, "go with people"),
        ({"people": [], "break_glass": {"keys": [GLASS.public.pem]}}, "go with people"),
        ({"people": [], "restore": {"in_place": "two-persons"}}, "in_place needs two persons"),
        ({"people": [], "delete": "two-persons"}, "delete needs two persons"),
        ({"restore": {"in_place": "one-person"}}, "over live data in production two persons are needed"),
        ({"restore": {"in_place": "nobody"}}, "restore.in_place"),
        ({"people": [TWO[0], {"name": "b/../en", "key": BEN.public.pem}]}, "a name is 1 to 100"),
        ({"people": [TWO[0], {"name": "break-glass", "key": BEN.public.pem}]}, "not break-glass"),
        ({"people": [TWO[0], {"name": "ben", "key": "hunter2"}]}, "it is not the PEM of a public key"),
        ({"people": [TWO[0], {"name": "ben", "key": ""}]}, "it is not the PEM of a public key"),
        ({"people": [*TWO, {"name": "BEN@example.com", "key": CARLA.public.pem}]}, "a name occurs twice"),
        ({"people": [*TWO, {"name": "c", "key": BEN.public.pem + "\n"}]}, "a key occurs twice"),
        ({"verifier": {"key": ANA.public.pem}}, "a key occurs twice"),
        ({"break_glass": {"keys": [GLASS.public.pem, GLASS.public.pem]}}, "a key occurs twice"),
        ({"break_glass": {"keys": []}}, "break_glass.keys"),
        ({"console": {"key": CONSOLE.public.pem}}, "may_attest"),
        ({"predecessor": "abc"}, "predecessor"),
        ({"environment": "prod"}, "its environment is none of"),
        ({"poeple": TWO}, "poeple"),
    ],
)
def test_wrong_policy_is_refused_with_the_reason(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    path = tmp_path / "policy.json"
    path.write_bytes(signed(document(**change), [ANA, BEN]))
    with pytest.raises(UsageError, match="is wrong: .*" + why) as refused:
        read_policy_in_force(path)
    assert "hunter2" not in str(refused.value)


def test_first_policy_needs_the_signature_of_each_person(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    for content, why in (
        (json.dumps(document()).encode(), "is not signed"),
        (signed(document(), [ANA]), "the signature of ben@example.com is missing"),
        (signed(document(), [ANA, CARLA]), "the signature of ben@example.com is missing"),
        (signed({"environment": "test"}, [ANA]), "names no people"),
    ):
        path.write_bytes(content)
        with pytest.raises(UsageError, match=why):
            read_policy_in_force(path)
    path.write_bytes(signed(document(), [ANA, BEN]))
    assert read_policy_in_force(path) is not None


def test_changed_policy_has_no_valid_signatures() -> None:
    envelope = json.loads(policy().raw)
    other = json.loads(signed(document(environment="test"), [CARLA]))
    found = parse_policy(json.dumps(envelope | {"payload": other["payload"]}).encode())
    assert lacking_signatures(found) is not None
    assert found.signers(found.policy.people) == []


def test_policy_with_a_verifier_needs_no_people() -> None:
    found = parse_policy(json.dumps({"environment": "test", "verifier": {"key": VERIFIER.public.pem}}).encode())
    assert lacking_signatures(found) is None


def test_policy_at_the_fixed_path_overrides_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted, own = tmp_path / "mounted.json", tmp_path / "own.json"
    mounted.write_bytes(policy().raw)
    own.write_text(json.dumps({"environment": "test"}))
    monkeypatch.setattr(place, "FIXED_PATH", mounted)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("BACKUP_POLICY=own.json\nENVIRONMENT=test\n")
    for settings in (Settings(), Settings(BACKUP_POLICY=None), Settings(BACKUP_POLICY=own)):  # type: ignore[call-arg]
        with pytest.raises(NotPermitted, match="needs two persons by the policy"):
            check_alone(settings, ["in_place"], "restoring over live.db", "litekeep request restore")


@pytest.mark.parametrize(
    ("rules", "needs"),
    [
        ({}, {"in_place", "job"}),
        ({"environment": "staging"}, set()),
        ({"environment": "staging", "restore": {"in_place": "two-persons"}}, {"in_place"}),
        ({"restore": {"job": "one-person", "beside": "two-persons"}}, {"in_place", "beside"}),
        ({"delete": "two-persons", "cleanup_force": "two-persons"}, {"in_place", "job", "delete", "cleanup_force"}),
    ],
)
def test_actions_that_need_two_persons(rules: dict[str, Any], needs: set[str]) -> None:
    actions: list[Any] = ["in_place", "job", "beside", "delete", "cleanup_force"]
    assert {action for action in actions if policy(**rules).policy.needs_two(action)} == needs
