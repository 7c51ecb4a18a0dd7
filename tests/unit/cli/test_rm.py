"""``scar rm``: what is removed, and what is asked before."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from scar.aws.model.plan import Delete, Plan
from scar.aws.model.resources import LambdaFunction, LogGroup
from scar.cli.main import run
from tests.fakes.services import FakeServices, function_summary

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_rm_by_file_names_its_buckets(fdl: Path, capsys: pytest.CaptureFixture[str]) -> None:
    services = FakeServices({})
    assert run(["rm", "-f", str(fdl)], services) == 0
    assert services.removed == [("gray",)]
    assert services.removals[0].buckets == {"photos"}
    assert "Buckets with data stay" in capsys.readouterr().err


def test_rm_of_what_is_removed_already_says_so(
    fdl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["rm", "-f", str(fdl)], FakeServices({}, plan=Plan())) == 0
    shown = capsys.readouterr().err
    assert "There is nothing to remove." in shown
    assert "Removed:" not in shown


def test_rm_needs_none_of_the_files_the_function_was_made_of(fdl: Path) -> None:
    text = fdl.read_text().replace("- lambda:", "- iam: {policies: [absent.json]}\n    lambda:")
    lab = "lab: {endpoint: minio.lab, ca_bundle: absent.pem}"
    fdl.write_text(f"storage_providers: {{minio: {{{lab}}}}}\n{text}")
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


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that makes stdin a terminal on which the user types a text."""

    def types(text: str) -> None:
        class Keyboard(io.StringIO):
            def isatty(self) -> bool:
                return True

        monkeypatch.setattr("sys.stdin", Keyboard(text))

    return types


@pytest.mark.parametrize("selection", [["-n", "gray"], ["-a"]])
def test_rm_asks_on_a_terminal_and_says_that_logs_are_deleted(
    selection: list[str], terminal: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    services = FakeServices({}, summaries=[function_summary("gray")])
    terminal("n\n")
    assert run(["rm", *selection], services) == 130
    assert services.removed == []
    asked = capsys.readouterr().err
    assert "with their logs: gray" in asked
    assert asked.endswith("Nothing was removed.\n")
    assert "Interrupted" not in asked
    terminal("y\n")
    assert run(["rm", *selection, "--keep-logs"], services) == 0
    assert services.removals[0].keep_logs
    assert "their logs stay: gray" in capsys.readouterr().err


def test_rm_does_not_ask_a_script_that_names_the_function(
    terminal: Callable[[str], None],
) -> None:
    services = FakeServices({})
    assert run(["rm", "-n", "gray"], services) == 0
    terminal("")
    assert run(["rm", "-n", "gray", "--yes"], services) == 0
    assert run(["rm", "-n", "gray", "--dry-run"], services) == 0
    assert len(services.removed) == 3


def test_rm_suggests_the_name_of_a_misspelt_function(capsys: pytest.CaptureFixture[str]) -> None:
    services = FakeServices({}, plan=Plan(), summaries=[function_summary("gray")])
    assert run(["rm", "-n", "grey"], services) == 1
    assert "did you mean gray?" in capsys.readouterr().err


def deletion(*functions: str) -> Plan:
    """Return a plan that deletes the functions."""
    resources = [LambdaFunction(name=name) for name in functions]
    owners = {resource.key: resource.name for resource in resources}
    return Plan(tuple(map(Delete, resources)), owners=owners)


def test_rm_removes_each_function_that_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    summaries = [function_summary("a"), function_summary("b")]
    services = FakeServices({}, plan=deletion("a", "b"), summaries=summaries)
    assert run(["rm", "-n", "a", "-n", "b", "--name", "a", "-y"], services) == 0
    assert services.removed == [("a", "b")]
    assert "Removed: a, b." in capsys.readouterr().err


def test_rm_removes_nothing_if_one_of_the_functions_does_not_exist(
    capsys: pytest.CaptureFixture[str], terminal: Callable[[str], None]
) -> None:
    services = FakeServices({}, plan=deletion("looper"), summaries=[function_summary("gray")])
    terminal("")  # no question before the error
    assert run(["rm", "-n", "looper", "-n", "grey", "-n", "x"], services) == 1
    assert services.options["dry_run"] is True
    assert len(services.removed) == 1
    error = capsys.readouterr().err
    assert "Removed" not in error
    assert "Nothing was removed." in error
    assert "There is no function grey, nor any resource of one; did you mean gray?" in error
    assert "There is no function x, nor any resource of one.\n" in error
    arguments = ["rm", "-n", "looper", "-n", "grey", "--force", "-y"]
    assert run(arguments, FakeServices({}, plan=deletion("looper"))) == 0


def test_what_is_left_of_a_function_is_enough_to_remove_it() -> None:
    left = Delete(LogGroup(name="/aws/lambda/b"))
    removed = deletion("a")
    plan = Plan((*removed.changes, left), owners=removed.owners)
    assert run(["rm", "-n", "a", "-n", "b"], FakeServices({}, plan=plan)) == 0
