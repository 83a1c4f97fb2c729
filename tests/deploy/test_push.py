"""deploy/push builds and pushes missing images, records digests, and leaves existing images alone."""

import json
import subprocess
import textwrap

import pytest

from tests.deploy.conftest import DIGEST, MISSING, REGISTRY, THERE, Desk
from tests.images.dockerfile import TARGETS


def images(desk: Desk) -> dict[str, str]:
    found: dict[str, str] = json.loads((desk.folder / "terraform" / "images.auto.tfvars.json").read_text())["images"]
    return found


def digests_once_built(desk: Desk, built: str) -> None:
    """Makes the images exist once the program `built` was called."""
    program = desk.stand_ins / built
    there = json.dumps([["describe", 0, DIGEST]])
    program.write_text(program.read_text() + f"(folder / 'answers').write_text({there!r})\n")


def test_push_builds_each_target_and_records_its_digest(desk: Desk) -> None:
    digests_once_built(desk, "docker")
    desk.run("make", "push", answers=[MISSING], REGISTRY=REGISTRY)
    built = [call for call in desk.calls("docker") if call[0] == "build"]
    assert sorted(call[2] for call in built) == sorted(f"--target={target}" for target in TARGETS)
    assert all(call[1] == "--platform=linux/amd64" for call in built)
    assert len([call for call in desk.calls("docker") if call[0] == "push"]) == len(TARGETS)
    assert images(desk) == {target.replace("-", "_"): f"{REGISTRY}/{target}@{DIGEST}" for target in TARGETS}


def test_push_of_existing_images_builds_nothing(desk: Desk) -> None:
    desk.run("make", "push", answers=[THERE])
    assert desk.calls("docker") == []
    assert len(images(desk)) == len(TARGETS)


def test_interrupted_push_continues_with_missing_images(desk: Desk) -> None:
    digests_once_built(desk, "docker")
    there = [(f"/{target}:", 0, DIGEST) for target in TARGETS if target != "monitor"]
    desk.run("make", "push", answers=[*there, MISSING], REGISTRY=REGISTRY)
    assert [call[2] for call in desk.calls("docker") if call[0] == "build"] == ["--target=monitor"]
    assert len(images(desk)) == len(TARGETS)


@pytest.mark.parametrize("there", [(), ("backup", "verify")])
def test_push_builds_in_cloud_build_with_its_own_account(desk: Desk, there: tuple[str, ...]) -> None:
    found = [(f"/{target}:", 0, DIGEST) for target in there]
    desk.call("make", "push", "BUILD=cloud", answers=[*found, MISSING])
    (submit,) = [call for call in desk.calls("gcloud") if call[:2] == ["builds", "submit"]]
    (given,) = [part.removeprefix("--substitutions=") for part in submit if part.startswith("--substitutions=")]
    about = dict(part.split("=", 1) for part in given.split(","))
    assert about["_REGISTRY"] == REGISTRY
    assert set(about["_TARGETS"].split()) == set(TARGETS) - set(there)
    assert about["_ACCOUNT"] == "litekeep-build@acme-backups.iam.gserviceaccount.com"
    assert "--region=global" in submit
    assert "--gcs-source-staging-dir=gs://acme-backups-litekeep-build/source" in submit
    assert desk.calls("docker") == []


@pytest.mark.parametrize("answers", [[MISSING, ("push", 1, "")], [MISSING], [("images describe", 0, "latest")]])
def test_failed_push_records_no_images(desk: Desk, answers: list[tuple[str, int, str]]) -> None:
    assert desk.call("deploy/push", answers=answers).returncode != 0
    assert [path.name for path in (desk.folder / "terraform").iterdir()] == ["terraform.tfvars"]


def test_cloud_build_pushes_each_image_once_built(desk: Desk) -> None:
    text = (desk.folder / "cloudbuild.yaml").read_text()
    step = textwrap.dedent(text.partition("      - |\n")[2].partition("timeout:")[0])
    script = step.replace("$$", "$")
    for name, value in {"$_TARGETS": "backup verify", "$_REGISTRY": "r", "$_TAG": "t"}.items():
        script = script.replace(name, value)
    desk.run("dash", "-c", script, answers=[])
    assert [(call[0], call[-1 if call[0] == "push" else 3]) for call in desk.calls("docker")] == [
        ("build", "--tag=r/backup:t"),
        ("push", "r/backup:t"),
        ("build", "--tag=r/verify:t"),
        ("push", "r/verify:t"),
    ]


def test_push_with_uncommitted_changes_is_refused(desk: Desk) -> None:
    (desk.folder / "Dockerfile").write_text("FROM scratch AS backup\n")
    done = desk.call("deploy/push", answers=[MISSING])
    assert "commit" in done.stderr
    assert desk.calls("docker") == []


def test_committing_the_digests_causes_no_new_build(desk: Desk) -> None:
    desk.run("deploy/push", answers=[THERE])
    tags = [call[4] for call in desk.calls("gcloud")]
    who = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    for command in (["add", "terraform/images.auto.tfvars.json"], ["commit", "-qm", "images"]):
        subprocess.run(["git", *who, *command], cwd=desk.folder, check=True)
    desk.run("deploy/push", answers=[THERE])
    assert [call[4] for call in desk.calls("gcloud")] == tags * 2
