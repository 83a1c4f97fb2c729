"""The price file: a dated table of list prices with its sources, or one given by `--prices`."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import UsageError

STANDARD = "STANDARD"
GIB = 1 << 30
DAYS_A_MONTH = 730 / 24
_LARGEST = 1 << 20  # bytes

Price = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
Days = Annotated[int, Field(ge=0, le=100_000)]


class Operations(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    write: Price
    read: Price


class Prices(BaseModel):
    """Prices by location and storage class. A class without a price is listed as not counted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str = ""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    read: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    sources: dict[str, str] = Field(default_factory=dict)
    least_days: dict[str, Days]
    storage_gib_month: Annotated[dict[str, dict[str, Price]], Field(min_length=1)]
    operations_per_1000: dict[str, Operations] = Field(default_factory=dict)
    retrieval_gib: dict[str, Price] = Field(default_factory=dict)
    key_version_month: Price | None = None
    key_operations_per_10000: Price | None = None
    run_vcpu_second: Price | None = None
    run_gib_second: Price | None = None
    run_free_vcpu_seconds: Price = 0
    run_free_gib_seconds: Price = 0
    schedule_month: Price | None = None
    schedules_free: Days = 0

    def storage(self, location: str) -> dict[str, float]:
        """Returns the storage prices by class. Raises UsageError for a location that is not in the file."""
        found = self.storage_gib_month.get(location.lower())
        if found is None:
            known = ", ".join(sorted(self.storage_gib_month))
            raise UsageError(
                f"--location {location[:80]!r} has no sourced price here: allowed are {known}; for others write a "
                "price file and name it with --prices"
            )
        return found


def read_prices(path: Path | None = None) -> Prices:
    """Reads the price file at `path`, or the one that comes with Litekeep. Raises UsageError."""
    if path is None:
        return Prices.model_validate_json(files("shared.operations.cost").joinpath("prices.json").read_bytes())
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except OSError as error:
        raise UsageError(f"cannot read --prices {path}: {error.strerror}") from None
    if len(raw) > _LARGEST:
        raise UsageError(f"--prices {path} has more than {_LARGEST} bytes")
    try:
        return Prices.model_validate(json.loads(raw))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise UsageError(
            f"--prices {path} is wrong: {where}: {first['msg']}; begin with a copy of prices.json"
        ) from None
    except (ValueError, RecursionError):
        raise UsageError(f"--prices {path} is wrong: it is not JSON") from None
