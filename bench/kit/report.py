"""Print results as a table, and write ``bench/RESULTS.md`` with the notes of ``bench/notes.md``.

The notes are written by hand, under a heading ``## ROW`` for each row of the results. A row whose
target is not reached needs one: by how much, why, and the profile that shows it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from bench.kit.lines import Line, Target

HEAD = ("row", "work", "scar", "peer", "ratio", "target", "reached", "details")
NO_NOTE = "*No note yet: say by how much, why, and what the profile shows.*"
INTRODUCTION = """\
# Results of the benchmarks

Written by `{command}`; do not edit. The sentences on rows are those of `bench/notes.md`.

A ratio is scar's figure divided by the peer's: the median of the ratios of the rounds, in each of
which all commands run in turn. Below 1, scar is better. CPU is user and system time of the whole
process tree, peak the resident memory of its largest process; both scar's / the peer's. Targets in
seconds are for the full sizes, and in proportion for smaller ones.
"""


def parse_notes(text: str) -> dict[str, str]:
    """Return the notes by row."""
    parts = re.split(r"^## +(\S+) *$", text, flags=re.MULTILINE)
    return {row: note.strip() for row, note in zip(parts[1::2], parts[2::2], strict=True)}


def table(lines: Sequence[Line]) -> str:
    """Return a Markdown table of the lines."""
    rows = [HEAD, *(_cells(line) for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    texts = [_row(row, widths) for row in rows]
    return "\n".join([texts[0], _row(["-" * width for width in widths], widths), *texts[1:]])


def report(
    lines: Sequence[Line],
    facts: Mapping[str, str],
    notes: Mapping[str, str],
    *,
    command: str,
) -> str:
    """Return the whole document."""
    sections = [
        INTRODUCTION.format(command=command),
        "\n".join(f"- {name}: {value}" for name, value in facts.items()) + "\n",
        table(lines) + "\n",
        "## Notes\n",
        *(f"**{row}**: {note}\n" for row, note in _notes(lines, notes)),
    ]
    return "\n".join(sections)


def write_report(path: Path, text: str) -> None:
    """Write the document, as a whole or not at all."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def _notes(lines: Sequence[Line], notes: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Yield the rows that miss a target, each with its note, in the order of the lines."""
    for row in dict.fromkeys(line.row for line in lines if line.is_reached is False):
        yield row, notes.get(row, NO_NOTE)


def _cells(line: Line) -> tuple[str, ...]:
    theirs = "" if line.theirs is None else f" {_number(line.theirs)} {line.unit}"
    reached = {None: "", True: "yes", False: f"no: {_number(line.value)}"}[line.is_reached]
    cells = (
        line.row,
        line.work,
        f"{_number(line.ours)} {line.unit}",
        f"{line.peer}{theirs}",
        "" if line.ratio is None else f"{line.ratio:.2f}",
        _target(line.target, line.unit),
        reached,
        line.details,
    )
    return tuple(cell.replace("|", "\\|") for cell in cells)


def _target(target: Target | None, unit: str) -> str:
    if target is None:
        return ""
    sign = "≥" if target.at_least else "≤"
    return f"{sign} {target.limit:.3g} {'×' if target.of == 'ratio' else unit}"


def _number(value: float | None) -> str:
    if not value:
        return "" if value is None else "0"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 0.1 else 3
    return f"{value:,.{digits}f}"


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"
