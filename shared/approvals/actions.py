"""What requests ask for. Without the documents themselves, which load Pydantic's models."""

from enum import StrEnum

Value = str | int | bool | list[str] | None


class Action(StrEnum):
    """What a request asks for."""

    RESTORE = "restore"
    NATIVE = "native restore"
    ROWS = "rows restore"
    DELETE = "delete"
    CLEANUP = "cleanup --force"
