"""docs/aws-assumptions.md names code and acceptance steps that exist, and every observed limit."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from scar.aws.model import limits, rates
from tests.acceptance.kit.steps import STEPS
from tests.structure import ROOT

DOCUMENT = ROOT / "docs" / "aws-assumptions.md"
SOURCES = {"model", "docs", "public", "none"}
_ROW = re.compile(r"^\| (\d+) \| (.+) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Assumption:
    """One row of the document; ``steps`` is empty if no step can tell."""

    number: int
    text: str
    paths: tuple[str, ...]
    source: str
    told_by: str

    @property
    def steps(self) -> tuple[int, ...]:
        words = self.told_by.split(", ")
        return tuple(int(word) for word in words) if words[0].isdecimal() else ()


def read_assumptions(text: str) -> list[Assumption]:
    """Return the rows of the document's tables."""
    return [
        Assumption(int(number), words, tuple(_CODE.findall(code)), source, told_by)
        for number, words, code, source, told_by in _ROW.findall(text)
    ]


TEXT = DOCUMENT.read_text()
ASSUMPTIONS = read_assumptions(TEXT)


def test_rows_are_numbered_from_one_and_none_is_overlooked() -> None:
    assert [each.number for each in ASSUMPTIONS] == list(range(1, len(ASSUMPTIONS) + 1))
    assert len(ASSUMPTIONS) == len(re.findall(r"^\| \d", TEXT, re.MULTILINE)) > 50


@pytest.mark.parametrize("row", ASSUMPTIONS, ids=lambda row: str(row.number))
def test_the_code_the_source_and_the_step_of_an_assumption_exist(row: Assumption) -> None:
    assert row.paths
    for path in row.paths:
        assert (ROOT / path).is_file(), path
    assert row.source in SOURCES
    assert set(row.steps) <= STEPS.keys()
    assert row.steps or row.told_by.startswith("none: ")


def test_every_step_tells_about_an_assumption() -> None:
    assert {step for row in ASSUMPTIONS for step in row.steps} == STEPS.keys()


def test_every_limit_and_rate_that_aws_does_not_document_is_listed() -> None:
    observed = [
        name
        for name, value in vars(limits).items()
        if isinstance(value, limits.Limit) and "observed" in value.source
    ]
    observed += [
        f"{service}:{operation}"
        for (service, operation), rate in rates.REQUEST_RATES.items()
        if "observed" in rate.source
    ]
    assert observed
    assert [name for name in observed if f"`{name}`" not in TEXT] == []


def test_a_row_is_read_in_all_its_parts() -> None:
    (row,) = read_assumptions("| 7 | a `b` c | `x.py`, `y.py` | docs | 1, 10 |\n| # | x |")
    assert (row.paths, row.source, row.steps) == (("x.py", "y.py"), "docs", (1, 10))
