"""``scar run``: which invocations it makes, and what it prints."""

from __future__ import annotations

import base64
import json
import os
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from scar.aws.inventory.functions import InputFolder
from scar.aws.model.other_inputs import OtherInput
from scar.cli.arrays import array_run
from scar.cli.arrays.array_run import ArrayRun
from scar.cli.main import run
from scar.runs.invoke import FunctionError, InputObject, InvocationResponse
from scar.runs.ledger import Run
from supervisor.invocation import RunPath
from supervisor.job_model import BatchTarget, JobCapacity, JobOptions, JobOverride
from tests.fakes.services import FakeServices, function_summary

if TYPE_CHECKING:
    from pathlib import Path


def a_file(key: str) -> InputObject:
    stored = datetime(2026, 1, 2, tzinfo=UTC)
    return InputObject(bucket="photos", key=key, size=3, etag="e", modified=stored)


def a_run(key: str, *records: str) -> dict[str, Run]:
    """The latest runs, of which one is on this object of ``a_file``."""
    from scar.runs.lookup import input_id_prefix
    from scar.runs.states import derive_state

    first = input_id_prefix("gray", a_file(key).bucket, key)
    written = {name: 4_000_000_000.0 + place for place, name in enumerate(records)}
    path = RunPath(function="gray", date="2026-01-01", run_id=first + "0" * 16)
    return {
        first: Run(path=path, state=derive_state(written, 4_000_000_000.0), record_times=written)
    }


@pytest.mark.parametrize("command", [["run"], ["invoke", "-jd", "{}"]])
@pytest.mark.parametrize("where", ["absent/out", ""])
def test_an_unwritable_output_path_is_reported_before_any_run(
    command: list[str], where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    services = FakeServices({}, summaries=[function_summary()])
    assert run([*command, "-n", "gray", "-o", str(tmp_path / where)], services) == 2
    assert "Nothing was run" in capsys.readouterr().err
    assert services.invoked == []


def test_run_sends_script_and_arguments_and_prints_the_output(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    script = tmp_path / "s.sh"
    script.write_bytes(b"#!/bin/sh\necho $1\n")
    answer = InvocationResponse(status=200, output=b"h\xc3\xa9\xff\n", request_id="r")
    services = FakeServices(
        {}, summaries=[function_summary()], answer=answer, files=[a_file("in/a")]
    )
    assert run(["run", "-n", "gray", "-s", str(script), "a b", "-x"], services) == 0
    (payload,) = services.invoked
    assert base64.b64decode(str(payload["script"])) == script.read_bytes()
    assert payload["script_encoding"] == "base64"
    assert payload["cmd_args"] == ["a b", "-x"]
    assert capfdbinary.readouterr().out == b"h\xc3\xa9\xff\n"


OTHER_SYSTEMS = {
    "mark": b"\xef\xbb\xbf#!/bin/sh\n",
    "utf-16": "#!/bin/sh\n".encode("utf-16"),
    "crlf": b"#!/bin/sh\necho\r\n",
}


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("folder", "cannot be read: Is a directory"),
        ("pipe", "not a regular file, but a pipe"),
        ("/dev/zero", "not a regular file, but a device"),
        ("socket", "cannot be read"),
        ("absent", "cannot be read: No such file"),
        ("large", "more than 6,291,456 bytes"),
        ("empty", "is empty"),
        ("mark", "byte order mark"),
        ("utf-16", "UTF-16"),
        ("crlf", "sed -i"),
    ],
)
def test_a_script_that_cannot_be_sent_is_refused_before_anything_is_contacted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, message: str
) -> None:
    path = tmp_path / kind
    with socket.socket(socket.AF_UNIX) as server:
        match kind:
            case "folder":
                path.mkdir()
            case "pipe":
                os.mkfifo(path)
            case "socket":
                server.bind(str(path))
            case "large":
                path.write_bytes(bytes(6_291_457))
            case "empty":
                path.write_bytes(b"\n \n")
            case "mark" | "utf-16" | "crlf":
                path.write_bytes(OTHER_SYSTEMS[kind])
            case _:
                pass
        services = FakeServices({}, summaries=[function_summary()])
        assert run(["run", "-n", "gray", "-s", str(path)], services) == 2
    assert message in capsys.readouterr().err
    assert services.targets == []


@pytest.mark.parametrize(
    "content", [b"#!/bin/sh\n# ann\xe9e\n", b"\x7fELF\0\xff", b"\b", b"#!/bin/sh\nexit\n\x1f\x8b\0"]
)
def test_any_script_is_sent_byte_for_byte(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s").write_bytes(content)
    services = FakeServices({}, summaries=[function_summary()])
    assert run(["run", "-n", "gray", "-s", str(tmp_path / "s")], services) == 0
    assert services.invoked == [
        {"script": base64.b64encode(content).decode(), "script_encoding": "base64"}
    ]


def test_an_endless_body_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    services = FakeServices({}, summaries=[function_summary()])
    assert run(["invoke", "-n", "gray", "-db", "/dev/zero"], services) == 2
    assert "Lambda's limit for an event" in capsys.readouterr().err


def test_run_sends_each_file_once_the_first_one_waited_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    services = FakeServices(
        {},
        summaries=[function_summary()],
        files=[a_file("in/a+b c"), a_file("in/ü"), a_file("in/3")],
    )
    assert run(["run", "-n", "gray"], services) == 0
    sent = [*services.invoked, *services.queued]
    keys = [json.loads(json.dumps(p))["Records"][0]["s3"]["object"]["key"] for p in sent]
    assert keys == ["in/a%2Bb+c", "in/%C3%BC", "in/3"]
    assert len(services.invoked) == 1
    assert capsys.readouterr().out.endswith("q-1\nq-2\n")


def test_run_stops_when_the_first_file_fails() -> None:
    services = FakeServices({}, summaries=[function_summary()], files=[a_file("a"), a_file("b")])
    failing = FakeServices(
        {},
        summaries=services.summaries,
        files=services.files,
        answer=InvocationResponse(status=500, output=b"", request_id="r"),
    )
    assert run(["run", "-n", "gray"], failing) == 1
    assert failing.queued == []


def test_run_asynchronously_queues_everything() -> None:
    services = FakeServices({}, summaries=[function_summary()], files=[a_file("a"), a_file("b")])
    assert run(["run", "-n", "gray", "-a"], services) == 0
    assert (len(services.invoked), len(services.queued)) == (0, 2)


@pytest.mark.parametrize("folder", [[], ["-ib", "photos/in"], ["-ib", "photos/in/"]])
@pytest.mark.parametrize("way", [[], ["-a"], ["--force"], ["--memory", "4096"]])
def test_folders_without_files_are_an_error_and_nothing_is_run(
    folder: list[str], way: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    services = FakeServices({}, summaries=[function_summary(mode="batch")])
    assert run(["run", "-n", "gray", *folder, *way], services) == 2
    assert services.invoked == services.queued == []
    error = capsys.readouterr().err
    assert "There are no files in photos/in." in error
    assert "scar put" in error


def test_an_array_of_no_files_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(array_run, "read_target", lambda *_: BatchTarget(queue="q", definition="d"))
    monkeypatch.setattr(ArrayRun, "_find_waiting", lambda _: set())
    services = FakeServices({}, summaries=[function_summary(mode="batch", queue="q")])
    for folder in ([], ["-ib", "photos/in"]):
        assert run(["run", "-n", "gray", "--array", *folder], services) == 2
        assert "There are no files in photos/in." in capsys.readouterr().err


def test_all_folders_without_files_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    inputs = (InputFolder("a/in", ".jpg"), InputFolder("b"))
    services = FakeServices({}, summaries=[function_summary(inputs=inputs)])
    assert run(["run", "-n", "gray"], services) == 2
    assert "There are no files in a/in/*.jpg, b." in capsys.readouterr().err


@pytest.mark.parametrize("folder", [[], ["-ib", "photos/in"]])
def test_files_that_are_all_done_are_no_error(
    folder: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    services = FakeServices(
        {}, summaries=[function_summary()], files=[a_file("a")], runs=a_run("a", "claim", "done")
    )
    assert run(["run", "-n", "gray", *folder], services) == 0
    assert services.invoked == services.queued == []
    assert "Skipped 1 file" in capsys.readouterr().err


def test_a_function_without_input_folders_is_invoked_once() -> None:
    services = FakeServices({}, summaries=[function_summary(inputs=())])
    assert run(["run", "-n", "gray"], services) == 0
    assert services.invoked == [{}]


IN_MINIO = (OtherInput("minio.lab", "lab/in"),)


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["-a"],
        ["--array"],
        *(["-ib", text] for text in ("lab/in", "lab/in/2026/", "s3://lab/in", "minio.lab:lab/in")),
    ],
)
def test_inputs_on_minio_are_named_and_nothing_is_run(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    summary = function_summary(mode="batch", queue="q", inputs=(), other_inputs=IN_MINIO)
    services = FakeServices({}, summaries=[summary], files=[a_file("in/a")])
    assert run(["run", "-n", "gray", *options], services) == 2
    assert services.invoked == services.queued == []
    error = capsys.readouterr().err
    assert "The input lab/in of gray is on minio.lab, which `scar run` does not list" in error
    assert "`scar invoke -n gray -jd EVENT.json`" in error


def test_a_call_without_files_needs_no_folder_in_s3() -> None:
    services = FakeServices({}, summaries=[function_summary(inputs=(), other_inputs=IN_MINIO)])
    assert run(["run", "-n", "gray", "w"], services) == 0
    assert services.invoked == [{"cmd_args": ["w"]}]


def test_of_inputs_in_s3_and_on_minio_those_in_s3_are_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    summary = function_summary(other_inputs=IN_MINIO)
    services = FakeServices({}, summaries=[summary], files=[a_file("in/a")])
    assert run(["run", "-n", "gray"], services) == 0
    assert len(services.invoked) == 1
    assert "minio.lab:lab/in is not listed" in capsys.readouterr().err
    # A folder of another name, and a bucket of the function's own in S3, are in S3.
    same = function_summary(buckets=("lab",), other_inputs=IN_MINIO)
    for summary_, folder in ((summary, "lab/other"), (same, "lab/in")):
        services = FakeServices({}, summaries=[summary_], files=[a_file("in/a")])
        assert run(["run", "-n", "gray", "-ib", folder], services) == 0


def test_arguments_after_two_dashes_are_those_of_the_script(tmp_path: Path) -> None:
    script = tmp_path / "s.sh"
    script.write_text("echo")
    services = FakeServices({}, summaries=[function_summary()])
    for options in (["-s", str(script), "--", "--first", "b"], ["--", "--first", "b"]):
        assert run(["run", "-n", "gray", *options], services) == 0
    with_script, command = services.invoked
    assert with_script["cmd_args"] == command["cmd_args"] == ["--first", "b"]
    assert ("script" in with_script, "script" in command) == (True, False)


def test_a_run_moved_to_batch_names_its_job(capsys: pytest.CaptureFixture[str]) -> None:
    answer = InvocationResponse(
        status=200, output=b"The run x continues", request_id="r", run_id="x", job_id="j-1"
    )
    assert (
        run(
            ["run", "-n", "gray", "w"],
            FakeServices({}, summaries=[function_summary()], answer=answer),
        )
        == 0
    )
    shown = capsys.readouterr()
    assert shown.out == "Batch job j-1\n"
    assert "scar log -n gray -ri x" in shown.err
    # Unlike `scar wait -n gray`, its status is that of the run even if it has ended before.
    assert "`scar wait x` waits for its end" in shown.err


def test_output_goes_to_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = InvocationResponse(status=200, output=b"\x00\x01", request_id="r")
    services = FakeServices({}, summaries=[function_summary()], answer=answer)
    assert run(["run", "-n", "gray", "-o", str(tmp_path / "out"), "w"], services) == 0
    assert (tmp_path / "out").read_bytes() == b"\x00\x01"
    assert capsys.readouterr().out == ""


class Failing(FakeServices):
    """Only invocations raise the error."""

    def list_functions(self, connection: object) -> list[object]:  # type: ignore[override]
        return [function_summary()]


def test_a_failing_function_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    failed = FunctionError("gray failed: status 3", remedy="See the log.")
    assert run(["run", "-n", "gray", "w"], Failing({}, error=failed)) == 1
    assert "status 3" in capsys.readouterr().err


def test_a_failing_script_ends_the_command_with_its_own_status() -> None:
    for status in (1, 3, 137, 255):
        failed = FunctionError("gray failed", remedy="See the log.", script_status=status)
        assert run(["run", "-n", "gray", "w"], Failing({}, error=failed)) == status


JOB = ["--memory", "4096", "--vcpus", "2", "--timeout", "90", "--attempts", "2", "--gpus", "1"]


@pytest.mark.parametrize("asynchronous", [[], ["-a"]])
def test_what_a_job_is_to_have_is_a_part_of_each_event(asynchronous: list[str]) -> None:
    files = [a_file("in/a"), a_file("in/b")]
    services = FakeServices({}, summaries=[function_summary(mode="batch")], files=files)
    options = [*JOB, "--queue", "priority", "--nodes", "3"]
    assert run(["run", "-n", "gray", *asynchronous, *options], services) == 0
    requested = {"memory": 4096, "vcpus": "2", "timeout": 90, "attempts": 2, "gpus": 1}
    events = [*services.invoked, *services.queued]
    assert len(events) == 2
    for event in events:
        assert event["scar_job"] == {**requested, "queue": "priority", "nodes": 3}
        assert "Records" in event
    (job,) = services.jobs
    assert (job.memory, job.queue) == (4096, "priority")


def test_options_of_one_run_without_a_file_are_checked_without_overrides() -> None:
    services = FakeServices({}, summaries=[function_summary(mode="batch", inputs=())])
    assert run(["run", "-n", "gray", "--memory", "4096"], services) == 0
    assert services.by_file == [False]
    services = FakeServices({}, summaries=[function_summary(mode="batch")])
    assert run(["run", "-n", "gray", "--memory", "4096", "w"], services) == 0
    assert services.by_file == [False]


def test_arguments_and_options_of_a_job_go_together() -> None:
    services = FakeServices({}, summaries=[function_summary(mode="batch")])
    assert run(["run", "-n", "gray", "--memory", "4096", "--", "-x", "--memory"], services) == 0
    (event,) = services.invoked
    assert event == {"cmd_args": ["-x", "--memory"], "scar_job": {"memory": 4096}}


def test_without_options_nothing_is_requested() -> None:
    services = FakeServices({}, summaries=[function_summary()])
    assert run(["run", "-n", "gray", "w"], services) == 0
    assert services.invoked == [{"cmd_args": ["w"]}]
    assert services.jobs == []


@pytest.mark.parametrize("way", [[], ["-a"]])
def test_a_file_whose_job_cannot_have_the_options_is_refused_before_any_is_run(
    way: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    target = BatchTarget(
        queue="q",
        definition="gray",
        vcpus="0.25",
        memory=512,
        capacity=JobCapacity(exact=True, shapes=((0.25, 512, 0), (0.25, 1024, 0), (4, 8192, 0))),
        overrides=(JobOverride(options=JobOptions(vcpus="4", memory=8192), suffix=(".bam",)),),
    )
    summaries = [function_summary(mode="batch")]
    files = [a_file("in/a.txt"), a_file("in/b.bam")]
    services = FakeServices({}, summaries=summaries, files=files, target=target)
    assert run(["run", "-n", "gray", "--memory", "1024", *way], services) == 2
    message = capsys.readouterr().err
    assert "A job of gray for s3://photos/in/b.bam cannot have these options: Fargate" in message
    assert "batch.overrides has vcpus 4 for this object" in message
    assert "Nothing was run" in message
    assert services.invoked == services.queued == []
    assert [job.memory for job in services.jobs] == [1024]
    only_text = FakeServices({}, summaries=summaries, files=files[:1], target=target)
    assert run(["run", "-n", "gray", "--memory", "1024", *way], only_text) == 0


@pytest.mark.parametrize(
    "option",
    [
        ["--timeout", "59"],
        ["--timeout", "2147483648"],
        ["--memory", "2147483648"],
        ["--attempts", "11"],
        ["--gpus", "0"],
        ["--gpus", "17"],
        ["--nodes", "1"],
        ["--nodes", "1001"],
        *(["--vcpus", number] for number in ("nan", "inf", "-inf", "1e999", "0.1", "x")),
    ],
)
def test_values_that_batch_does_not_have_are_usage_errors(option: list[str]) -> None:
    services = FakeServices({}, summaries=[function_summary()])
    assert run(["run", "-n", "gray", *option], services) == 2
    assert services.invoked == []


def test_run_of_an_unknown_function_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "-n", "grey"], FakeServices({}, summaries=[function_summary()])) == 1
    assert "There is no function grey; did you mean gray?" in capsys.readouterr().err


def test_run_by_file_makes_the_function_first(fdl: Path) -> None:
    services = FakeServices({})
    assert run(["run", "-f", str(fdl), "w"], services) == 0
    assert [f.name for (f,) in services.deployed] == ["gray"]
    assert run(["run", "-f", str(fdl), "w"], services) == 0
    assert len(services.deployed) == 1
    assert len(services.invoked) == 2


def test_a_run_over_files_is_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    services = FakeServices({}, summaries=[function_summary()], files=[a_file("a"), a_file("b")])
    assert run(["run", "-n", "gray", "-j"], services) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["first"]["request"] == "r-1"
    assert shown["requests"] == ["q-1"]


@pytest.mark.parametrize("records", [("claim", "done"), ("claim",), ("claim", "delegated")])
def test_run_leaves_out_files_whose_run_is_done_or_under_way(
    records: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    services = FakeServices(
        {},
        summaries=[function_summary()],
        files=[a_file("a"), a_file("b")],
        runs=a_run("a", *records),
    )
    assert run(["run", "-n", "gray", "-a"], services) == 0
    assert len(services.queued) == 1
    assert "Skipped 1 file" in capsys.readouterr().err


def test_run_with_force_leaves_nothing_out() -> None:
    services = FakeServices(
        {}, summaries=[function_summary()], files=[a_file("a")], runs=a_run("a", "claim", "done")
    )
    assert run(["run", "-n", "gray", "-a", "--force"], services) == 0
    assert len(services.queued) == 1


SAID = "The script ended with status 3."
SUPERVISOR_LINES = {
    "own": (
        json.dumps({"time": "t", "level": "WARNING", "message": "Slow disk.", "run": "r"}),
        "WARNING Slow disk.",
    ),
    "told": (json.dumps({"time": "t", "level": "ERROR", "message": SAID, "remedy": "x"}), None),
    "other json": ('{"message": "mine"}', '{"message": "mine"}'),
    "no json": ("{broken", "{broken"),
    "deep": ("[" * 5_000, "[" * 5_000),
    "same words": (SAID, SAID),
    "report": ("REPORT RequestId: r\tDuration: 4 ms\tBilled Duration: 5 ms", "REPORT 4 ms"),
    "escape": ("a\x1b[2Jb", "a"),
}


@pytest.mark.parametrize("kind", SUPERVISOR_LINES)
def test_the_log_of_a_failed_call_is_text_and_says_nothing_twice(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    message, shown = SUPERVISOR_LINES[kind]
    error = FunctionError(f"gray failed: {SAID}", remedy="See the log.")
    error.log_tail = ("first", message, "last")
    assert run(["run", "-n", "gray", "w"], Failing({}, error=error)) == 1
    _, first, *middle, last, problem, remedy = capsys.readouterr().err.splitlines()
    assert (first, last) == ("first", "last")
    assert (problem, remedy) == (f"Error: gray failed: {SAID}", "See the log.")
    assert len(middle) == (shown is not None)
    assert all(line.startswith(str(shown)) and "\x1b" not in line for line in middle)
