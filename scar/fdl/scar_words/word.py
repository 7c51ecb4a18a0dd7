"""One of SCAR's words, and what becomes of it here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scar.fdl.problems import Location


class Treatment(Enum):
    """What scar does with a word of SCAR."""

    SAME = "same meaning"
    NOT_USED = "accepted, not used"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A key or a flag of SCAR.

    ``text`` is the reason of a word that is not used, what to do about one that is refused, and
    the difference, if any, of one with the same meaning. ``in_model`` marks a word that is not
    used, and that the FDL's model has: its description there is the reason. ``new_place`` is the
    key that a refused one has become.
    """

    treatment: Treatment
    text: str = ""
    in_model: bool = False
    new_place: Location = ()


def same(text: str = "") -> Word:
    """Return a word with the same meaning as in SCAR."""
    return Word(treatment=Treatment.SAME, text=text)


def not_used(text: str = "") -> Word:
    """Return a word that has no effect; without a text, the FDL's model has it."""
    return Word(treatment=Treatment.NOT_USED, text=text, in_model=not text)


def refused(text: str) -> Word:
    """Return a word that is an error, with what to do."""
    return Word(treatment=Treatment.REFUSED, text=text)


def moved(new_place: str) -> Word:
    """Return a word that is an error because it has another place here."""
    return Word(
        treatment=Treatment.REFUSED,
        text=f"write it as `{new_place}`",
        new_place=tuple(new_place.split(".")),
    )
