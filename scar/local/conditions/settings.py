"""Which conditions a local cloud has."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scar.errors import UsageError

_SEED = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._-]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionsSettings:
    """``limits``: what AWS always enforces. ``chaos``: the seed of everything else, or empty.

    ``limits`` are request rates and conflicting changes of one bucket; only tests of something
    else switch them off.
    """

    limits: bool = True
    chaos: str = ""

    @property
    def descriptions(self) -> tuple[str, ...]:
        """The conditions that are on, as ``scar local status`` shows them."""
        return (
            *(_LIMITS if self.limits else ()),
            *((f"chaos with the seed {self.chaos}",) if self.chaos else ()),
        )


_LIMITS = ("AWS's request rates", "OperationAborted for concurrent changes of one bucket")


def parse_seed(text: str) -> str:
    """Return a seed as it was given; raise UsageError if it cannot be repeated on a shell line."""
    if not _SEED.fullmatch(text):
        raise UsageError(
            f"{text!r} is not a valid seed of --chaos.",
            remedy="Use up to 40 letters, digits, '.', '_' or '-', not '-' first, for example"
            " --chaos=42.",
        )
    return text
