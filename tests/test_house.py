"""House rules: small files and functions, unique class names, one module for each outside access."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
LONGEST_FILE = 300
LONGEST_TEST_FILE = 450  # test files may be longer: their functions are independent
LONGEST_FUNCTION = 50


def _tracked() -> list[Path]:
    named = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in named.splitlines()]


FILES = _tracked()
LIBRARY = [path for path in FILES if path.relative_to(ROOT).parts[0] in ("console", "jobs", "litekeep", "shared")]


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_library_modules_are_found() -> None:
    assert len(LIBRARY) > 400


def test_no_file_is_longer_than_300_lines() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in FILES}
    limits = {path: LONGEST_TEST_FILE if "tests" in path.parts else LONGEST_FILE for path in FILES}
    assert {str(path): length for path, length in lengths.items() if length > limits[path]} == {}


def test_no_function_is_longer_than_50_lines() -> None:
    long = {
        f"{path.relative_to(ROOT)}: {node.name}": length
        for path in FILES
        for node in _functions(path)
        if (length := (node.end_lineno or 0) - node.lineno + 1) > LONGEST_FUNCTION
    }
    assert long == {}


def test_class_names_are_unique() -> None:
    places: dict[str, list[str]] = {}
    for path in LIBRARY:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_only_one_module_reads_free_disk_space() -> None:
    pattern = re.compile(r"\bdisk_usage\(|\bstatvfs\(")
    assert [str(path.relative_to(ROOT)) for path in LIBRARY if pattern.search(path.read_text())] == [
        "shared/runtime/disk.py"
    ]


def test_only_the_seams_check_the_type_of_a_location() -> None:
    pattern = re.compile(r"isinstance\([^)]*Location")
    assert [str(path.relative_to(ROOT)) for path in LIBRARY if pattern.search(path.read_text())] == [
        "litekeep/systemd_machine.py",  # for the folder that a unit may read
        "shared/databases/location.py",
        "shared/databases/snapshot.py",
        "shared/operations/restore/target.py",
        "shared/operations/rows/target.py",
    ]


def test_flags_are_typed() -> None:
    loose = re.compile(r"\bflags: dict\[")
    assert [str(path.relative_to(ROOT)) for path in LIBRARY if loose.search(path.read_text())] == []


def test_only_the_settings_read_the_environment() -> None:
    sets = re.compile(r"os\.environ\.setdefault\(|os\.environ\[\w+\] = ")  # settings of libraries in this process
    reads = re.compile(r"os\.environ|\bgetenv\(")
    found = [str(path.relative_to(ROOT)) for path in LIBRARY if reads.search(sets.sub("", path.read_text()))]
    assert [name for name in found if not name.startswith("shared/settings/")] == []


def test_coverage_exclusions_have_a_reason() -> None:
    left_out = re.compile(r"pragma: no (cover|branch)(?! - \w)")
    assert [str(path) for path in LIBRARY if left_out.search(path.read_text())] == []


def test_imports_inside_functions_have_a_reason() -> None:
    left_out = re.compile(r"noqa: PLC0415(?! - .)")
    assert [str(path) for path in LIBRARY if left_out.search(path.read_text())] == []


def test_architecture_page_draws_the_layers_of_the_import_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each["layers"][0] == "shared.terminal")
    drawing = (ROOT / "docs" / "architecture.md").read_text().partition("shared/\n")[2].partition("```")[0]
    drawn = [re.sub(r"\n {3,}", " ", line) for line in re.split(r"\n  (?=\w)", f"\n{drawing.rstrip()}")[1:]]
    assert len(drawn) == len(layers)
    for line, layer in zip(drawn, layers, strict=True):
        names = [name.removeprefix("shared.") for name in layer.split(" | ")]
        assert [name for name in names if not re.search(rf"(^|│ |, ){name}\b", line)] == [], line
