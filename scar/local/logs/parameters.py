"""The parameters of a CloudWatch Logs request, validated as they are read."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from scar.local.logs.model import TimeWindow
from scar.local.moto.error_responses import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_EVENTS = 10_000  # of one request or response; API reference of CloudWatch Logs


class LogsApiError(Exception):
    """An error response of the CloudWatch Logs API; the service renders it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.error_response = ApiError(code=code, message=message)


class LogsParameters:
    """Reads a request's parameters; every method raises LogsApiError for an invalid value."""

    def __init__(self, parameters: Mapping[str, object]) -> None:
        self._parameters = parameters

    def text(self, name: str, *, required: bool = False) -> str:
        value = self._parameters.get(name)
        if value is None and not required:
            return ""
        if not isinstance(value, str) or (required and not value):
            raise LogsApiError("InvalidParameterException", f"{name} must be a string.")
        return value

    def group_name(self) -> str:
        identifier = self.text("logGroupIdentifier") or self.text("logGroupName")
        # An ARN with or without the suffix ":*", as DescribeLogGroups returns both.
        if identifier.startswith("arn:"):
            identifier = identifier.split(":log-group:", 1)[-1].removesuffix(":*")
        if not identifier:
            raise LogsApiError("InvalidParameterException", "logGroupName is required.")
        return identifier

    def flag(self, name: str) -> bool:
        return self._parameters.get(name) is True

    def optional_number(self, name: str) -> int | None:
        value = self._parameters.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or value < 0:
            raise LogsApiError(
                "InvalidParameterException", f"{name} must be an integer of at least 0."
            )
        return value

    def number(self, name: str, default: int, maximum: int) -> int:
        value = self.optional_number(name)
        if value is not None and not 1 <= value <= maximum:
            raise LogsApiError("InvalidParameterException", f"{name} must be from 1 to {maximum}.")
        return default if value is None else value

    def string_list(self, name: str) -> tuple[str, ...]:
        value = self._parameters.get(name)
        return tuple(str(item) for item in value) if isinstance(value, list) else ()

    def time_window(self) -> TimeWindow:
        return TimeWindow(
            start=self.optional_number("startTime"), end=self.optional_number("endTime")
        )

    def parse_token(self, name: str, parts: int) -> tuple[int, int]:
        """Return the first and last number of a token from ``build_token``."""
        try:
            text = base64.urlsafe_b64decode(self.text(name).split("/", 1)[1]).decode()
            numbers = [int(part) for part in text.split(".")]
        except (IndexError, ValueError) as error:
            raise invalid_token_error() from error
        if len(numbers) != parts:
            raise invalid_token_error()
        return numbers[0], numbers[-1]

    def log_events(self) -> list[tuple[int, str]]:
        events = self._parameters.get("logEvents")
        if not isinstance(events, list) or not 1 <= len(events) <= MAX_EVENTS:
            raise LogsApiError(
                "InvalidParameterException", f"logEvents must have 1 to {MAX_EVENTS} entries."
            )
        return [(int(event["timestamp"]), str(event["message"])) for event in events]


def build_token(kind: str, *position: int) -> str:
    """Return a pagination token for a position."""
    text = ".".join(str(part) for part in position)
    return f"{kind}/{base64.urlsafe_b64encode(text.encode()).decode()}"


def invalid_token_error() -> LogsApiError:
    return LogsApiError("InvalidParameterException", "The specified nextToken is invalid.")
