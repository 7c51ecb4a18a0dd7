"""A text that must not be shown: the value of a secret."""

from __future__ import annotations

MASK = "********"


class HiddenText:
    """A secret's value. It compares by its text, and is shown as asterisks wherever it is printed.

    ``reveal`` alone returns the text. It is no dataclass and no ``str``, so that a resource that
    has one can be printed, compared and converted to plain data without the value.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HiddenText) and other._text == self._text

    def __hash__(self) -> int:
        return hash((HiddenText, self._text))

    def __repr__(self) -> str:
        return MASK

    def __deepcopy__(self, memo: object) -> HiddenText:
        return self

    def __reduce__(self) -> str:
        raise TypeError("the value of a secret is not serialized")


NO_TEXT = HiddenText()
