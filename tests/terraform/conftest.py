from typing import Any

import pytest

from tests.terraform.workbench import Workbench, make_workbench


@pytest.fixture(scope="session")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    return make_workbench(tmp_path_factory.mktemp("terraform"))


@pytest.fixture(scope="session")
def planned_outputs(workbench: Workbench) -> dict[str, Any]:
    return workbench.outputs_of_a_plan()
