"""The report: a table of lines, the facts, and the notes that rows need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench import all as whole
from bench.kit.lines import Line, Target
from bench.kit.machine import machine_facts
from bench.kit.report import NO_NOTE, parse_notes, report, table, write_report
from bench.rows.table import OTHER_ROWS, ROWS, find_row

if TYPE_CHECKING:
    from pathlib import Path

REACHED = Line(
    row="put-small",
    work="put 1,000 × 10 KB",
    ours=0.5,
    peer="s5cmd",
    theirs=0.625,
    ratio=0.8,
    details="CPU 1 / 2 s",
    target=Target(1.0),
)
MISSED = Line(
    row="warm-run", work="a|b", ours=9.1, unit="ms", target=Target(8, of="own", at_least=False)
)
RATE = Line(
    row="local", work="w", ours=151, unit="files/s", target=Target(150, of="own", at_least=True)
)


def test_a_table_has_a_row_for_each_line() -> None:
    rows = [[cell.strip() for cell in row.split(" | ")] for row in table([REACHED]).splitlines()]
    assert rows[0][0] == "| row"
    assert rows[2] == [
        "| put-small",
        "put 1,000 × 10 KB",
        "0.50 s",
        "s5cmd 0.62 s",
        "0.80",
        "≤ 1 ×",
        "yes",
        "CPU 1 / 2 s |",
    ]


def test_all_rows_of_a_table_are_equally_long_and_texts_are_escaped() -> None:
    lines = table([REACHED, MISSED, RATE]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert "a\\|b" in lines[3]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(REACHED, "| ≤ 1 ×", id="ratio"),
        pytest.param(MISSED, "| ≤ 8 ms | no: 9.10", id="above the limit"),
        pytest.param(
            Line(row="r", work="w", ours=0, unit="runs", target=Target(0, of="own")),
            "| 0 runs | | | ≤ 0 runs | yes",
            id="none at all",
        ),
        pytest.param(RATE, "| ≥ 150 files/s | yes", id="at least"),
    ],
)
def test_a_target_is_shown_with_its_result(line: Line, expected: str) -> None:
    assert expected in " ".join(table([line]).split())


def test_a_target_of_a_ratio_without_a_peer_is_an_error() -> None:
    with pytest.raises(ValueError, match="no peer"):
        _ = Line(row="r", work="w", ours=1, target=Target(1)).is_reached


def test_rows_that_miss_a_target_have_their_note_once_or_one_that_is_missing() -> None:
    lines = [REACHED, MISSED, MISSED, RATE]
    notes = parse_notes("# Notes\n\n## warm-run\n\nTwo\nlines.\n\n## put-small\nx\n")
    text = report(lines, {"date": "today"}, notes, command="make bench")
    assert text.count("**warm-run**: Two\nlines.\n") == 1
    assert "**put-small**" not in text
    assert "**local**" not in text
    assert "`make bench`" in text
    assert "- date: today\n" in text
    assert f"**warm-run**: {NO_NOTE}" in report(lines, {}, {}, command="make bench")


def test_a_report_is_written_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    path.write_text("old")
    write_report(path, "new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_the_facts_name_the_machine_and_the_versions() -> None:
    facts = machine_facts()
    assert {"date", "commit", "processor", "memory", "kernel", "load at the start"} < facts.keys()
    assert "cores" in facts["processor"]
    assert all(facts.values())


@pytest.mark.parametrize("name", [*ROWS, *OTHER_ROWS])
def test_every_row_has_a_function_that_says_what_it_yields(name: str) -> None:
    assert (find_row(name).__doc__ or "").startswith("Yield ")


def test_notes_are_about_rows_that_exist() -> None:
    assert parse_notes(whole.NOTES.read_text()).keys() <= (ROWS | OTHER_ROWS).keys()
