"""`python -m tests.terraform.readme_tables` writes the tables of terraform/README.md, in the format of terraform-docs.

It only reads files formatted by `terraform fmt`: blocks begin at the margin, attributes are indented by two spaces.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from tests.terraform.workbench import SOURCE

README = SOURCE / "README.md"
_BEGIN, _END = "<!-- BEGIN_TF_DOCS -->", "<!-- END_TF_DOCS -->"
_BLOCK = re.compile(
    r'^(variable|output|resource|data) "(\w+)"(?: "(\w+)")? \{(?:\n(.*?)^)?\}\n', re.MULTILINE | re.DOTALL
)
# A value that ends its line with an opening bracket continues to the closing bracket, indented by two spaces.
_ATTRIBUTE = re.compile(r"^  (\w+) += ((?:.*[({\[]\n(?:    .*\n|\n)*  [)}\]].*)|.*)$", re.MULTILINE)
_PROVIDER = re.compile(r'^    (\w+) = \{\n +source +=.*\n +version += "(.*)"', re.MULTILINE)

Attributes = dict[str, str]


def blocks(folder: Path = SOURCE) -> Iterator[tuple[str, str, Attributes]]:
    """Yields each block of the configuration: its kind, its name, and its attributes as written."""
    for path in sorted(folder.glob("*.tf")):
        for kind, first, second, body in _BLOCK.findall(path.read_text()):
            name = f"{first}.{second}" if second else first
            yield kind, name, {attribute: value.replace("\n  ", "\n") for attribute, value in _ATTRIBUTE.findall(body)}


def tables(folder: Path = SOURCE) -> str:
    found = list(blocks(folder))
    return "\n".join([*_requirements(folder), *_resources(found), *_inputs(found), *_outputs(found)])


def fresh(readme: str, folder: Path = SOURCE) -> str:
    """Returns the README with current tables. Raises ValueError if it has no markers for them."""
    before, begin, rest = readme.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"the README lacks {_BEGIN} or {_END}")
    return f"{before}{_BEGIN}\n{tables(folder)}{_END}{after}"


def _requirements(folder: Path) -> Iterator[str]:
    versions = (folder / "versions.tf").read_text()
    needed = re.search(r'required_version = "(.*)"', versions)
    assert needed, "versions.tf has no required_version"
    yield from ("## Requirements", "", "| Name | Version |", "|------|---------|")
    for name, version in [("terraform", needed[1]), *_PROVIDER.findall(versions)]:
        yield f"| {_anchored('requirement', name)} | {version} |"
    yield ""


def _resources(found: list[tuple[str, str, Attributes]]) -> Iterator[str]:
    yield from ("## Resources", "", "| Name | Type |", "|------|------|")
    for kind, name in sorted((kind, name) for kind, name, _ in found if kind in {"resource", "data"}):
        yield f"| `{name}` | {'resource' if kind == 'resource' else 'data source'} |"
    yield ""


def _inputs(found: list[tuple[str, str, Attributes]]) -> Iterator[str]:
    head = "| Name | Description | Type | Default | Required |"
    yield from ("## Inputs", "", head, "|------|-------------|------|---------|:--------:|")
    for name, about in sorted((name, about) for kind, name, about in found if kind == "variable"):
        default = about.get("default")
        cells = [
            _anchored("input", name),
            _text(about["description"]),
            _code(about["type"]),
            "n/a" if default is None else _code(default),
            "yes" if default is None else "no",
        ]
        yield f"| {' | '.join(cells)} |"
    yield ""


def _outputs(found: list[tuple[str, str, Attributes]]) -> Iterator[str]:
    yield from ("## Outputs", "", "| Name | Description |", "|------|-------------|")
    for name, about in sorted((name, about) for kind, name, about in found if kind == "output"):
        yield f"| {_anchored('output', name)} | {_text(about['description'])} |"
    yield ""


def _anchored(section: str, name: str) -> str:
    escaped = name.replace("_", "\\_")
    return f'<a name="{section}_{name}"></a> [{name}](#{section}\\_{escaped})'


def _text(literal: str) -> str:
    text: str = json.loads(literal)
    return text.replace("|", "\\|")


def _code(expression: str) -> str:
    if "\n" not in expression:
        return f"`{expression}`"
    return f"<pre>{'<br/>'.join(expression.splitlines())}</pre>"


if __name__ == "__main__":
    README.write_text(fresh(README.read_text()))
