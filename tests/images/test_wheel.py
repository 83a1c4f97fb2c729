"""The built wheel, installed into a clean environment as by `pipx install`, is a working `litekeep`."""

import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.cli.conftest import clean_environment
from tests.images.dockerfile import ROOT
from tests.images.test_requirements import ALONG, DISTRIBUTIONS, imports_of

pytestmark = pytest.mark.xdist_group("wheel")  # builds the wheel only once


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("litekeep-*.whl")
    return built


@pytest.fixture(scope="module")
def litekeep(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command in a new environment with the wheel and the libraries, without this checkout."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*command, "--disable-pip-version-check", str(wheel)], check=True)
    (site,) = folder.glob("lib/python3*/site-packages")
    libraries = next(path for path in sys.path if path.endswith("site-packages"))
    (site / "libraries.pth").write_text(f"{libraries}\n")
    return folder / "bin" / "litekeep"


def test_installed_command_works_from_an_empty_folder(litekeep: Path, tmp_path: Path) -> None:
    environment = clean_environment() | {"HOME": str(tmp_path / "home")}
    del environment["PYTHONPATH"]
    (tmp_path / "home").mkdir()
    (tmp_path / "empty").mkdir()

    def run(*arguments: str) -> str:
        command = [litekeep, *arguments]
        done = subprocess.run(
            command, cwd=tmp_path / "empty", env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = subprocess.run(
        [litekeep.with_name("python"), "-c", "import shared; print(shared.__file__)"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert str(ROOT) not in where
    assert "backup" in run("--help")
    assert run("--version").startswith("litekeep ")
    run("sample")
    run("backup", "--kind", "daily", "--verify")
    run("restore", "--backup", "latest", "--to", "restored.db", "--verify")
    assert (tmp_path / "empty" / "restored.db").read_bytes() == (tmp_path / "empty" / "sample.db").read_bytes()
    run("status")
    (tmp_path / "empty" / ".env").write_text("DATABASE_URL=sample.db\n")
    assert f"ExecStart={litekeep} backup --kind daily" in run("systemd", "--print")


def test_wheel_has_every_file_of_the_packages(wheel: Path) -> None:
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == set(tracked())


def tracked() -> Iterator[str]:
    for package in ("console", "jobs", "litekeep", "shared"):
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield str(path.relative_to(ROOT))


def test_every_imported_library_is_a_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["console"]]
    required = {line.partition(">")[0].partition("=")[0].partition("[")[0].strip() for line in lines}
    ours = {"console", "jobs", "litekeep", "shared", *sys.stdlib_module_names, "_typeshed"}
    known = packages_distributions()
    for path in tracked():
        if not path.endswith(".py"):
            continue
        for module in imports_of(path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")):
            top = module.partition(".")[0]
            along = ("google", "functions_framework", "cloudevents", "itsdangerous", "markupsafe", "werkzeug")
            if top in ours or top in along or top in ALONG:
                continue
            names = {DISTRIBUTIONS.get(top, ""), *(name.lower() for name in known.get(top, []))}
            assert names & required, (path, module)
