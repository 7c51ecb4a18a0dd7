"""What commands ask of the world, and what they print."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from scar.aws.plan import Plan
from scar.cli.main import run
from scar.runs.call import Answer, FunctionFailed, Input
from scar.runs.ledger import Run
from supervisor.invocation import RunPath
from supervisor.model import ExecutionMode
from tests.fakes.services import FakeWorld, a_summary

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def fdl(tmp_path: Path) -> Path:
    (tmp_path / "gray.sh").write_text("#!/bin/sh\ntrue\n")
    file = tmp_path / "gray.yaml"
    file.write_text(
        "functions:\n  aws:\n  - lambda:\n      name: gray\n      memory: 256\n"
        "      region: eu-south-2\n      init_script: gray.sh\n"
        "      container: {image: 'debian:12'}\n"
        "      input: [{path: photos/in}]\n      output: [{path: photos/out}]\n"
    )
    return file


def a_file(key: str) -> Input:
    stored = datetime(2026, 1, 2, tzinfo=UTC)
    return Input(bucket="photos", key=key, size=3, etag="e", modified=stored)


@pytest.mark.parametrize("arguments", [["--local", "ls"], ["ls", "--local"]])
def test_local_is_accepted_on_both_sides_of_the_verb(arguments: list[str]) -> None:
    world = FakeWorld({})
    assert run(arguments, world) == 0
    assert world.targets[0].local


def test_local_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCAR_LOCAL", "1")
    world = FakeWorld({})
    assert run(["ls"], world) == 0
    assert world.targets[0].local


def test_where_it_talks_to_is_the_first_line(capsys: pytest.CaptureFixture[str]) -> None:
    run(["ls"], FakeWorld({}, there=[a_summary()]))
    shown = capsys.readouterr()
    assert shown.err == "Nowhere, eu-west-1\n"
    assert shown.out.splitlines() == [
        "NAME  MODE    IMAGE      MEMORY  TIMEOUT  INPUT",
        "gray  lambda  debian:12  512 MB     60 s  photos/in",
    ]


@pytest.mark.parametrize("flag", [["-j"], ["--output", "json"], ["--json"]])
def test_functions_as_json(flag: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    run(["ls", *flag], FakeWorld({}, there=[a_summary()]))
    (found,) = json.loads(capsys.readouterr().out)
    assert found["name"] == "gray"
    assert found["inputs"] == [{"path": "photos/in", "suffix": ""}]


def test_init_takes_the_region_of_the_file(fdl: Path) -> None:
    world = FakeWorld({})
    assert run(["init", "-f", str(fdl)], world) == 0
    assert world.targets[0].region == "eu-south-2"
    assert run(["--region", "eu-west-3", "init", "-f", str(fdl)], world) == 0
    assert world.targets[1].region == "eu-west-3"
    assert run(["--local", "init", "-f", str(fdl)], world) == 0
    assert world.targets[2].region == ""


def test_flags_go_over_the_file_and_lists_replace(fdl: Path) -> None:
    world = FakeWorld({})
    flags = ["-m", "1024", "-em", "lambda-batch", "-ib", "other/a", "-ib", "other/b", "-e", "A=b=c"]
    assert run(["init", "-f", str(fdl), *flags], world) == 0
    ((function,),) = world.deployed
    assert (function.name, function.memory) == ("gray", 1024)
    assert function.mode is ExecutionMode.LAMBDA_BATCH
    assert [i.path for i in function.inputs] == ["other/a", "other/b"]
    assert [o.path for o in function.outputs] == ["photos/out"]
    assert function.container_environment == (("A", "b=c"),)


def test_a_function_from_flags_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.sh").write_text("#!/bin/sh\n")
    (tmp_path / "image.tar").write_bytes(b"tar")
    world = FakeWorld({})
    arguments = ["init", "-n", "f", "-if", "image.tar", "-s", "s.sh", "-t", "20", "-le", "XX=1"]
    assert run([*arguments, "-ob", "results"], world) == 0
    ((function,),) = world.deployed
    assert function.image_file == tmp_path / "image.tar"
    assert function.script == tmp_path / "s.sh"
    assert function.timeout == 20
    assert function.environment == (("XX", "1"),)


def test_a_dry_run_shows_the_plan_as_data(fdl: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = FakeWorld({})
    assert run(["init", "-f", str(fdl), "--dry-run", "--yes"], world) == 0
    assert world.options["dry_run"]
    assert capsys.readouterr().out == "Shared\n  + bucket photos\n1 to create.\n"
    assert run(["init", "-f", str(fdl), "--dry-run", "-j"], world) == 0
    assert json.loads(capsys.readouterr().out)["changes"][0]["action"] == "create"


def test_plan_is_a_dry_run_whose_status_can_tell_of_changes(fdl: Path) -> None:
    world = FakeWorld({})
    assert run(["plan", "-f", str(fdl)], world) == 0
    assert world.options["dry_run"]
    assert run(["plan", "-f", str(fdl), "--detailed-exitcode"], world) == 2


@pytest.mark.parametrize("wrong", [["--no-such-option"], []])
def test_where_two_means_changes_a_wrong_command_line_is_one(wrong: list[str]) -> None:
    assert run(["plan", "--detailed-exitcode", *wrong], FakeWorld({})) == 1
    assert run(["plan", *wrong], FakeWorld({})) == 2


def test_flags_of_scar_without_meaning_are_accepted_and_said(
    fdl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["init", "-f", str(fdl), "-sv", "1.5", "-ph"], FakeWorld({})) == 0
    shown = capsys.readouterr().err
    assert "--supervisor-version has no effect" in shown
    assert "--preheat has no effect" in shown


def test_rm_by_file_names_its_buckets(fdl: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = FakeWorld({})
    assert run(["rm", "-f", str(fdl)], world) == 0
    assert world.removed == [("gray",)]
    assert world.options["buckets"] == {"photos"}
    assert "Buckets with data stay" in capsys.readouterr().err


def test_rm_needs_none_of_the_files_the_function_was_made_of(fdl: Path) -> None:
    (fdl.parent / "gray.sh").unlink()
    world = FakeWorld({})
    assert run(["init", "-f", str(fdl)], world) == 3
    assert run(["rm", "-f", str(fdl)], world) == 0
    assert world.removed == [("gray",)]


def test_rm_of_an_unknown_function_is_an_error() -> None:
    assert run(["rm", "-n", "grey"], FakeWorld({}, todo=Plan())) == 1
    assert run(["rm", "-n", "grey", "--force"], FakeWorld({}, todo=Plan())) == 0


def test_rm_of_all_wants_a_yes(capsys: pytest.CaptureFixture[str]) -> None:
    world = FakeWorld({}, there=[a_summary("a"), a_summary("b")])
    assert run(["rm", "-a"], world) == 2
    assert "--yes" in capsys.readouterr().err
    assert world.removed == []
    assert run(["rm", "-a", "--yes"], world) == 0
    assert world.removed == [("a", "b")]


@pytest.mark.parametrize("command", [["run"], ["invoke", "-jd", "{}"]])
@pytest.mark.parametrize("where", ["absent/out", ""])
def test_an_output_that_cannot_go_where_it_shall_is_told_before_anything_runs(
    command: list[str], where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = FakeWorld({}, there=[a_summary()])
    assert run([*command, "-n", "gray", "-o", str(tmp_path / where)], world) == 2
    assert "Nothing was run" in capsys.readouterr().err
    assert world.invoked == []


def test_run_sends_script_and_arguments_and_prints_the_output(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    script = tmp_path / "s.sh"
    script.write_bytes(b"#!/bin/sh\necho $1\n")
    answer = Answer(status=200, output=b"h\xc3\xa9\xff\n", request="r")
    world = FakeWorld({}, there=[a_summary()], answer=answer, files=[a_file("in/a")])
    assert run(["run", "-n", "gray", "-s", str(script), "a b", "-x"], world) == 0
    (payload,) = world.invoked
    assert base64.b64decode(str(payload["script"])) == script.read_bytes()
    assert payload["cmd_args"] == ["a b", "-x"]
    assert capfdbinary.readouterr().out == b"h\xc3\xa9\xff\n"


def test_run_sends_each_file_once_the_first_one_waited_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    world = FakeWorld(
        {}, there=[a_summary()], files=[a_file("in/a+b c"), a_file("in/ü"), a_file("in/3")]
    )
    assert run(["run", "-n", "gray"], world) == 0
    sent = [*world.invoked, *world.queued]
    keys = [json.loads(json.dumps(p))["Records"][0]["s3"]["object"]["key"] for p in sent]
    assert keys == ["in/a%2Bb+c", "in/%C3%BC", "in/3"]
    assert len(world.invoked) == 1
    assert capsys.readouterr().out.endswith("q-1\nq-2\n")


def test_run_stops_when_the_first_file_fails() -> None:
    world = FakeWorld({}, there=[a_summary()], files=[a_file("a"), a_file("b")])
    failing = FakeWorld(
        {}, there=world.there, files=world.files, answer=Answer(status=500, output=b"", request="r")
    )
    assert run(["run", "-n", "gray"], failing) == 1
    assert failing.queued == []


def test_run_asynchronously_queues_everything() -> None:
    world = FakeWorld({}, there=[a_summary()], files=[a_file("a"), a_file("b")])
    assert run(["run", "-n", "gray", "-a"], world) == 0
    assert (len(world.invoked), len(world.queued)) == (0, 2)


def test_run_without_files_calls_once() -> None:
    world = FakeWorld({}, there=[a_summary()])
    assert run(["run", "-n", "gray"], world) == 0
    assert world.invoked == [{}]


def test_a_delegated_run_names_its_job(capsys: pytest.CaptureFixture[str]) -> None:
    answer = Answer(status=200, output=b"The run x goes on", request="r", run="x", job="j-1")
    assert run(["run", "-n", "gray", "w"], FakeWorld({}, there=[a_summary()], answer=answer)) == 0
    shown = capsys.readouterr()
    assert shown.out == "Batch job j-1\n"
    assert "scar log -n gray -ri x" in shown.err


def test_output_goes_to_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = Answer(status=200, output=b"\x00\x01", request="r")
    world = FakeWorld({}, there=[a_summary()], answer=answer)
    assert run(["run", "-n", "gray", "-o", str(tmp_path / "out"), "w"], world) == 0
    assert (tmp_path / "out").read_bytes() == b"\x00\x01"
    assert capsys.readouterr().out == ""


def test_a_failing_function_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    failed = FunctionFailed("gray failed: status 3", remedy="See the log.")

    class Failing(FakeWorld):
        def functions(self, connection: object) -> list[object]:  # type: ignore[override]
            return [a_summary()]

    assert run(["run", "-n", "gray", "w"], Failing({}, fails=failed)) == 1
    assert "status 3" in capsys.readouterr().err


def test_run_of_an_unknown_function_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "-n", "grey"], FakeWorld({}, there=[a_summary()])) == 1
    assert "There is no function grey." in capsys.readouterr().err


def test_run_by_file_makes_the_function_first(fdl: Path) -> None:
    world = FakeWorld({})
    assert run(["run", "-f", str(fdl), "w"], world) == 0
    assert [f.name for (f,) in world.deployed] == ["gray"]
    assert run(["run", "-f", str(fdl), "w"], world) == 0
    assert len(world.deployed) == 1
    assert len(world.invoked) == 2


def test_invoke_sends_what_an_http_endpoint_would(tmp_path: Path) -> None:
    world = FakeWorld({}, there=[a_summary()])
    (tmp_path / "d").write_bytes(b"\xff")
    assert run(["invoke", "-n", "gray", "-db", str(tmp_path / "d")], world) == 0
    assert run(["invoke", "-n", "gray", "-jd", '{"a": 1}', "-p", '{"k": ["1", 2]}'], world) == 0
    binary, text = world.invoked
    assert binary["isBase64Encoded"]
    assert base64.b64decode(str(binary["body"])) == b"\xff"
    assert text["body"] == '{"a": 1}'
    assert text["queryStringParameters"] == {"k": "1,2"}


def test_a_run_over_files_is_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    world = FakeWorld({}, there=[a_summary()], files=[a_file("a"), a_file("b")])
    assert run(["run", "-n", "gray", "-j"], world) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["first"]["request"] == "r-1"
    assert shown["requests"] == ["q-1"]


def a_run(key: str, *records: str) -> dict[str, Run]:
    """The latest runs, of which one is on this object of ``a_file``."""
    from scar.runs.find import input_id
    from scar.runs.states import state_of

    first = input_id("gray", a_file(key).bucket, key)
    written = {name: 4_000_000_000.0 + place for place, name in enumerate(records)}
    path = RunPath(function="gray", date="2026-01-01", run_id=first + "0" * 16)
    return {first: Run(path=path, state=state_of(written, 4_000_000_000.0), written=written)}


@pytest.mark.parametrize("records", [("claim", "done"), ("claim",), ("claim", "delegated")])
def test_run_leaves_out_files_whose_run_is_done_or_under_way(
    records: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    world = FakeWorld(
        {}, there=[a_summary()], files=[a_file("a"), a_file("b")], runs=a_run("a", *records)
    )
    assert run(["run", "-n", "gray", "-a"], world) == 0
    assert len(world.queued) == 1
    assert "Left out 1 file" in capsys.readouterr().err


def test_run_with_force_leaves_nothing_out() -> None:
    world = FakeWorld(
        {}, there=[a_summary()], files=[a_file("a")], runs=a_run("a", "claim", "done")
    )
    assert run(["run", "-n", "gray", "-a", "--force"], world) == 0
    assert len(world.queued) == 1
