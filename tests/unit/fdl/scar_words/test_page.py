"""The page of SCAR's words is that of the tables."""

from __future__ import annotations

from pathlib import Path

from scar.fdl.problems import format_location
from scar.fdl.scar_words import file_words, flags, table
from scar.fdl.scar_words.page import build_page

PAGE = Path(__file__).parents[4] / "docs" / "scar-words.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == build_page(), "run python -m scar.fdl.scar_words"


def test_the_page_has_a_row_for_each_word() -> None:
    rows = build_page().splitlines()
    for location in (*table.WORDS, *file_words.WORDS):
        assert any(row.startswith(f"| `{format_location(location)}` |") for row in rows)
    for command, options in flags.FLAGS.items():
        for flag in options:
            assert any(row.startswith(f"| `{command}` | `{flag.short}`, ") for row in rows)


def test_no_remark_has_what_a_table_cannot_have() -> None:
    columns = 0
    for row in build_page().splitlines():
        columns = (columns or row.count("|")) if row.startswith("|") else 0
        assert row.count("|") == columns, row
