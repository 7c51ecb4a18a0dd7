"""``scar rm``: what is removed, and what is asked before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model.plan import Plan
from scar.cli.main import run
from tests.fakes.services import FakeServices, function_summary

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_rm_by_file_names_its_buckets(fdl: Path, capsys: pytest.CaptureFixture[str]) -> None:
    services = FakeServices({})
    assert run(["rm", "-f", str(fdl)], services) == 0
    assert services.removed == [("gray",)]
    assert services.options["buckets"] == {"photos"}
    assert "Buckets with data stay" in capsys.readouterr().err


def test_rm_needs_none_of_the_files_the_function_was_made_of(fdl: Path) -> None:
    (fdl.parent / "gray.sh").unlink()
    services = FakeServices({})
    assert run(["init", "-f", str(fdl)], services) == 3
    assert run(["rm", "-f", str(fdl)], services) == 0
    assert services.removed == [("gray",)]


def test_rm_of_an_unknown_function_is_an_error() -> None:
    assert run(["rm", "-n", "grey"], FakeServices({}, plan=Plan())) == 1
    assert run(["rm", "-n", "grey", "--force"], FakeServices({}, plan=Plan())) == 0


def test_rm_of_all_wants_a_yes(capsys: pytest.CaptureFixture[str]) -> None:
    services = FakeServices({}, summaries=[function_summary("a"), function_summary("b")])
    assert run(["rm", "-a"], services) == 2
    assert "--yes" in capsys.readouterr().err
    assert services.removed == []
    assert run(["rm", "-a", "--yes"], services) == 0
    assert services.removed == [("a", "b")]
