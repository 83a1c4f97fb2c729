import pytest

from shared.archive.data_key import DataKey


@pytest.fixture(scope="session")
def data_key() -> DataKey:
    return DataKey.generate()


@pytest.fixture(params=["encrypted", "plain"])
def maybe_key(request: pytest.FixtureRequest, data_key: DataKey) -> DataKey | None:
    return data_key if request.param == "encrypted" else None
