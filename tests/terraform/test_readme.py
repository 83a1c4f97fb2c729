import re
from pathlib import Path

import pytest

from tests.terraform.readme_tables import README, blocks, fresh, tables
from tests.terraform.workbench import SOURCE

VARIABLES = {name: about for kind, name, about in blocks() if kind == "variable"}
OUTPUTS = {name: about for kind, name, about in blocks() if kind == "output"}


def test_readme_tables_match_the_configuration() -> None:
    readme = README.read_text()
    assert readme == fresh(readme), "run: python -m tests.terraform.readme_tables"


def test_every_block_is_parsed() -> None:
    text = "".join(path.read_text() for path in SOURCE.glob("*.tf"))
    written = re.findall(r'^(?:variable|output|resource|data) "', text, re.MULTILINE)
    assert len(written) == len(list(blocks())) > 60


@pytest.mark.parametrize(
    "file", ["variables.tf", "variables_approvals.tf", "variables_jobs.tf", "variables_more.tf", "outputs.tf"]
)
def test_names_are_sorted(file: str) -> None:
    names = re.findall(r'^(?:variable|output) "(\w+)"', (SOURCE / file).read_text(), re.MULTILINE)
    assert names == sorted(names)


@pytest.mark.parametrize("name", VARIABLES)
def test_variable_has_type_description_and_no_meaningless_null(name: str) -> None:
    about = VARIABLES[name]
    assert about["type"]
    assert len(about["description"]) > 20
    assert about.get("nullable") == "false" or about.get("default") == "null"


@pytest.mark.parametrize("name", OUTPUTS)
def test_output_has_a_description(name: str) -> None:
    assert len(OUTPUTS[name]["description"]) > 20


def test_tables_of_a_small_configuration(tmp_path: Path) -> None:
    (tmp_path / "versions.tf").write_text(
        'terraform {\n  required_version = ">= 1.11"\n\n  required_providers {\n    google = {\n'
        '      source  = "hashicorp/google"\n      version = "~> 8.0"\n    }\n  }\n}\n'
    )
    (tmp_path / "main.tf").write_text(
        'variable "size" {\n  description = "How large: \\"s\\" | \\"l\\"."\n'
        "  type = object({\n    cpu = number\n  })\n"
        "  default = {\n    cpu = 1\n  }\n  nullable = false\n\n  validation {\n    condition = true\n  }\n}\n\n"
        'resource "google_project" "this" {\n  name = "x"\n}\n'
    )
    assert tables(tmp_path).splitlines() == [
        "## Requirements",
        "",
        "| Name | Version |",
        "|------|---------|",
        '| <a name="requirement_terraform"></a> [terraform](#requirement\\_terraform) | >= 1.11 |',
        '| <a name="requirement_google"></a> [google](#requirement\\_google) | ~> 8.0 |',
        "",
        "## Resources",
        "",
        "| Name | Type |",
        "|------|------|",
        "| `google_project.this` | resource |",
        "",
        "## Inputs",
        "",
        "| Name | Description | Type | Default | Required |",
        "|------|-------------|------|---------|:--------:|",
        (
            '| <a name="input_size"></a> [size](#input\\_size) | How large: "s" \\| "l". | '
            "<pre>object({<br/>  cpu = number<br/>})</pre> | <pre>{<br/>  cpu = 1<br/>}</pre> | no |"
        ),
        "",
        "## Outputs",
        "",
        "| Name | Description |",
        "|------|-------------|",
    ]
