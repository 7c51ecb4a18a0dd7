"""Run commands in turn, round by round, and compare them within each round.

The speed of a machine drifts with its load. Two commands that run one after the other meet the same
load, so the ratio of each round is taken first, then the median of the ratios.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bench.kit.commands import measure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.kit.commands import Command, Usage

    Figure = Literal["wall", "cpu", "peak_mb"]


def do_nothing() -> None:
    """Prepare or check nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A command to compare. ``prepare`` and ``check`` are called around each run, unmeasured.

    ``check`` raises an error if the command did not do its work.
    """

    name: str
    command: Command
    prepare: Callable[[], object] = do_nothing
    check: Callable[[], object] = do_nothing

    def run(self) -> Usage:
        """Run the command once and return its usage."""
        self.prepare()
        usage = measure(self.command)
        self.check()
        return usage


@dataclass(frozen=True, slots=True)
class Rounds:
    """The usages of each subject, by round."""

    usages: Mapping[str, Sequence[Usage]]

    def median(self, name: str, figure: Figure = "wall") -> float:
        """Return the median of one figure of one subject."""
        return statistics.median(self._of(name, figure))

    def ratio(self, name: str, other: str, figure: Figure = "wall") -> float:
        """Return the median of the ratios, each of one round."""
        pairs = zip(self._of(name, figure), self._of(other, figure), strict=True)
        return statistics.median(mine / its for mine, its in pairs)

    def _of(self, name: str, figure: Figure) -> list[float]:
        return [getattr(usage, figure) for usage in self.usages[name]]


def interleave(subjects: Sequence[Subject], rounds: int, warm_up: int = 1) -> Rounds:
    """Run every subject once a round; every other round in reverse order, so that none is first.

    The runs of ``warm_up`` rounds are not counted: they fill caches and show what fails.
    """
    usages: dict[str, list[Usage]] = {subject.name: [] for subject in subjects}
    if len(usages) != len(subjects):
        raise ValueError("two subjects have one name")
    for number in range(-warm_up, rounds):
        for subject in subjects if number % 2 == 0 else reversed(subjects):
            usage = subject.run()
            if number >= 0:
                usages[subject.name].append(usage)
    return Rounds(usages)
