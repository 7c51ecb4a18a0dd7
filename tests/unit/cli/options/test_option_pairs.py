"""Two options of which one would have no effect are a usage error, before anything is done."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from scar.cli.main import run
from scar.runs.invoke import InvocationResponse
from tests.fakes.services import FakeServices, function_summary
from tests.unit.cli.test_run import a_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("invoke -n gray -o out -a", ("-o", "-a")),
        ("run -n gray -o out -a", ("-o", "-a")),
        ("run -n gray -o out -a -- echo", ("-o", "-a")),
        ("run -n gray --force -- echo", ("--force", "ARGUMENTS")),
        ("run -n gray -c 8 -- echo", ("-c", "ARGUMENTS")),
        ("run -n gray -c 8 --array", ("-c", "--array")),
        ("show -n gray -m 512", ("-m", "-f FILE")),
        ("show -n gray -e A=1 --env", ("-e", "-f FILE")),
        ("ls --expected-bucket-owner 123456789012", ("--expected-bucket-owner", "-b")),
        ("retry 3f9c2a --since 2h", ("--since", "--failed")),
        ("log --run 3f9c2a --file s3://b/k", ("--run", "--file")),
        ("log --file s3://b/k --failed", ("--file", "--failed")),
        ("log --run 3f9c2a --since 2h", ("--since", "--run")),
        ("log -n gray -ri 1-2 --since 2h", ("--since", "-ri")),
    ],
)
def test_options_without_effect_are_a_usage_error(
    command: str,
    options: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    services = FakeServices({}, summaries=[function_summary()])
    assert run(command.split(), services) == 2
    shown = capsys.readouterr().err
    assert all(option in shown for option in options)
    assert not [*tmp_path.iterdir(), *services.targets, *services.invoked, *services.queued]


DONE = InvocationResponse(status=200, output=b"\x00\xff", request_id="r-1")
FAILED = InvocationResponse(status=500, output=b"why", request_id="r-1")
IN_BATCH = InvocationResponse(status=200, output=b"text", request_id="r", run_id="x", job_id="j-1")


@pytest.mark.parametrize("command", ["run -n gray -- echo", "invoke -n gray"])
def test_with_a_file_and_json_the_output_is_in_the_file(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    name, *rest = command.split()
    services = FakeServices({}, summaries=[function_summary()], answer=DONE)
    assert run([name, "-o", str(out), "-j", *rest], services) == 0
    assert out.read_bytes() == b"\x00\xff"
    shown = json.loads(capsys.readouterr().out)
    assert (shown["output"], shown["output_file"], shown["request"]) == ("", str(out), "r-1")


def test_a_failed_run_leaves_the_file_and_is_a_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    services = FakeServices({}, summaries=[function_summary()], answer=FAILED)
    assert run(["invoke", "-n", "gray", "-o", str(out), "-j"], services) == 1
    shown = json.loads(capsys.readouterr().out)
    assert (shown["output"], out.exists()) == ("why", False)
    assert "output_file" not in shown


def test_a_run_in_batch_writes_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    services = FakeServices({}, summaries=[function_summary()], answer=IN_BATCH)
    assert run(["invoke", "-n", "gray", "-o", str(out)], services) == 0
    assert not out.exists()
    assert f"{out} is not written: the output of a run in Batch is in its log." in (
        capsys.readouterr().err
    )


def test_the_output_of_the_first_file_is_written_beside_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    files = [a_file("in/a"), a_file("in/b")]
    services = FakeServices({}, summaries=[function_summary()], answer=DONE, files=files)
    assert run(["run", "-n", "gray", "-o", str(out), "-j"], services) == 0
    assert out.read_bytes() == b"\x00\xff"
    shown = json.loads(capsys.readouterr().out)
    assert shown["first"]["output_file"] == str(out)
