import os
from typing import Any

import pytest

from tests.terraform.workbench import Workbench, make_workbench


@pytest.fixture(scope="session")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    base = tmp_path_factory.getbasetemp()
    run = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base  # shared by all workers of this run
    return make_workbench(tmp_path_factory.mktemp("terraform"), run / "terraform-providers")


@pytest.fixture(scope="session")
def planned_outputs(workbench: Workbench) -> dict[str, Any]:
    return workbench.outputs_of_a_plan()
