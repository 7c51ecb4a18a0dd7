"""The parameters of a CloudWatch Logs call, checked as they are read."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from scar.local.logs.store import Window
from scar.local.moto.error_responses import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_EVENTS = 10_000  # of one request or answer; API reference of CloudWatch Logs


class Fault(Exception):  # carries a refusal to the door
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.refusal = Refusal(code=code, message=message)


class Asked:
    """A request's parameters, checked as they are read."""

    def __init__(self, parameters: Mapping[str, object]) -> None:
        self._parameters = parameters

    def text(self, name: str, *, needed: bool = False) -> str:
        value = self._parameters.get(name)
        if value is None and not needed:
            return ""
        if not isinstance(value, str) or (needed and not value):
            raise Fault("InvalidParameterException", f"{name} must be a text.")
        return value

    def group(self) -> str:
        identifier = self.text("logGroupIdentifier") or self.text("logGroupName")
        if identifier.startswith("arn:"):
            identifier = identifier.split(":log-group:", 1)[-1].removesuffix(":*")
        if not identifier:
            raise Fault("InvalidParameterException", "logGroupName must be given.")
        return identifier

    def flag(self, name: str) -> bool:
        return self._parameters.get(name) is True

    def optional(self, name: str) -> int | None:
        value = self._parameters.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or value < 0:
            raise Fault("InvalidParameterException", f"{name} must be a number from 0 on.")
        return value

    def number(self, name: str, default: int, most: int) -> int:
        value = self.optional(name)
        if value is not None and not 1 <= value <= most:
            raise Fault("InvalidParameterException", f"{name} must be from 1 to {most}.")
        return default if value is None else value

    def names(self, name: str) -> tuple[str, ...]:
        value = self._parameters.get(name)
        return tuple(str(item) for item in value) if isinstance(value, list) else ()

    def window(self) -> Window:
        return Window(start=self.optional("startTime"), end=self.optional("endTime"))

    def place(self, name: str, parts: int) -> tuple[int, int]:
        """Read a token made by ``token_for``."""
        try:
            text = base64.urlsafe_b64decode(self.text(name).split("/", 1)[1]).decode()
            numbers = [int(part) for part in text.split(".")]
        except (IndexError, ValueError) as error:
            raise bad_token() from error
        if len(numbers) != parts:
            raise bad_token()
        return numbers[0], numbers[-1]

    def events(self) -> list[tuple[int, str]]:
        events = self._parameters.get("logEvents")
        if not isinstance(events, list) or not 1 <= len(events) <= MAX_EVENTS:
            raise Fault(
                "InvalidParameterException", f"logEvents must have 1 to {MAX_EVENTS} entries."
            )
        return [(int(event["timestamp"]), str(event["message"])) for event in events]


def token_for(kind: str, *place: int) -> str:
    """Write a place as a paging token."""
    text = ".".join(str(part) for part in place)
    return f"{kind}/{base64.urlsafe_b64encode(text.encode()).decode()}"


def bad_token() -> Fault:
    return Fault("InvalidParameterException", "The specified nextToken is invalid.")
