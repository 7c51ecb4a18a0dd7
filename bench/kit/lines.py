"""A line of the results: what was measured, by whom, and whether the target is reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.kit.pairs import Figure, Rounds

UNITS: dict[Figure, str] = {"wall": "s", "cpu": "CPU s", "peak_mb": "MB"}


@dataclass(frozen=True, slots=True)
class Target:
    """A limit of the ratio to the peer, or of scar's own figure; a lower limit if ``at_least``."""

    limit: float
    of: str = "ratio"
    at_least: bool = False

    def is_reached(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One comparison, or one figure without a peer.

    ``details`` has further figures in words, such as CPU seconds and peak memory of both.
    """

    row: str
    work: str
    ours: float
    unit: str = "s"
    peer: str = ""
    theirs: float | None = None
    ratio: float | None = None
    details: str = ""
    target: Target | None = None

    @property
    def value(self) -> float | None:
        """Return what the target is about."""
        return self.ratio if self.target and self.target.of == "ratio" else self.ours

    @property
    def is_reached(self) -> bool | None:
        """Tell whether the target is reached; None without one."""
        if self.target is None:
            return None
        if self.value is None:
            raise ValueError(f"{self.row}: the target is about a ratio, and there is no peer")
        return self.target.is_reached(self.value)


def compare(
    rounds: Rounds,
    row: str,
    work: str,
    pair: tuple[str, str],
    *,
    figure: Figure = "wall",
    target: Target | None = None,
) -> Line:
    """Return the line of two subjects, with the CPU seconds and the peak memory of both."""
    ours, peer = pair
    cpu = " / ".join(f"{rounds.median(name, 'cpu'):.2f}" for name in pair)
    peak = " / ".join(f"{rounds.median(name, 'peak_mb'):.0f}" for name in pair)
    other: Figure = "wall" if figure == "cpu" else "cpu"
    return Line(
        row=row,
        work=work,
        ours=rounds.median(ours, figure),
        unit=UNITS[figure],
        peer=peer,
        theirs=rounds.median(peer, figure),
        ratio=rounds.ratio(ours, peer, figure),
        details=(
            f"CPU {cpu} s, peak {peak} MB,"
            f" {'CPU' if other == 'cpu' else 'wall'} ratio {rounds.ratio(ours, peer, other):.2f}"
        ),
        target=target,
    )
