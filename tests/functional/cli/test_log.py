"""The log of a function, as typed."""

from __future__ import annotations

import io
import json
import sys
import time
import zipfile
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from scar.cli.main import run
from scar.runs import logs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scar.cli.services import Services
    from scar.runs.log_groups.lines import LogLine

NOW = int(time.time() * 1000) - 60_000
REQUEST = "0f5d2c1e-1111-4222-8333-444455556666"


@pytest.fixture
def function(services: Services) -> str:
    return create_function("gray")


def create_function(name: str) -> str:
    role = boto3.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("f.py", "")
    boto3.client("lambda", region_name="us-east-1").create_function(
        FunctionName=name,
        Role=role["Role"]["Arn"],
        Runtime="python3.12",
        Handler="f.f",
        Code={"ZipFile": archive.getvalue()},
    )
    return name


def write(group: str, stream: str, *lines: tuple[int, str]) -> None:
    client = boto3.client("logs", region_name="us-east-1")
    if not client.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        client.create_log_group(logGroupName=group)
    client.create_log_stream(logGroupName=group, logStreamName=stream)
    client.put_log_events(
        logGroupName=group,
        logStreamName=stream,
        logEvents=[{"timestamp": NOW + at, "message": text} for at, text in lines],
    )


def lines(out: str, *, with_owner: bool = True) -> list[tuple[str, str]]:
    """Return service and message of each line, without time and owner."""
    start = 41 if with_owner else 32
    return [(line[24:30].strip(), line[start:]) for line in out.splitlines()]


def test_lambda_and_batch_lines_are_in_the_order_of_time(
    services: Services, function: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write("/aws/lambda/gray", "s1", (0, "one\n"), (30, "four"))
    write("/aws/lambda/gray", "s2", (20, "three"))
    write("/aws/batch/gray", "gray/default/1", (10, "two"), (40, "five"))
    assert run(["log", "-n", "gray"], services) == 0
    shown = capsys.readouterr()
    assert shown.err == "moto\n"
    assert lines(shown.out) == [
        ("lambda", "one"),
        ("batch", "two"),
        ("lambda", "three"),
        ("lambda", "four"),
        ("batch", "five"),
    ]


def test_a_file_shows_the_lines_of_all_its_functions(
    services: Services, function: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    create_function("blur")
    write("/aws/lambda/gray", "s1", (0, "one"), (20, "three"))
    write("/aws/lambda/blur", "s1", (10, "two"))
    file = tmp_path / "two.yaml"
    entries = (f"{{lambda: {{name: {n}, container: {{image: x}}}}}}" for n in ("gray", "blur"))
    file.write_text(f"functions: {{aws: [{', '.join(entries)}]}}\n")
    assert run(["log", "-f", str(file)], services) == 0
    assert [text for _, text in lines(capsys.readouterr().out)] == ["one", "two", "three"]


def test_one_stream_can_be_chosen(
    services: Services, function: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write("/aws/lambda/gray", "s1", (0, "one"))
    write("/aws/lambda/gray", "s2", (20, "three"))
    assert run(["log", "-n", "gray", "-ls", "s2", "-j"], services) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["stream"], found["message"]) == ("s2", "three")
    assert run(["log", "-n", "gray", "-ls", "s3"], services) == 1
    assert "There are no log lines for s3." in capsys.readouterr().err


def test_one_call_can_be_chosen(
    services: Services, function: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(
        "/aws/lambda/gray",
        "s1",
        (0, "START RequestId: r-0 Version: 1"),
        (1, "before"),
        (2, "REPORT RequestId: r-0"),
        (3, f"START RequestId: {REQUEST} Version: 1"),
        (5, "mine"),
        (7, f"REPORT RequestId: {REQUEST} Duration: 4 ms"),
        (8, "START RequestId: r-2 Version: 1"),
        (9, "after"),
    )
    write("/aws/lambda/gray", "s2", (5, "START RequestId: r-3 Version: 1"), (6, "other"))
    write("/aws/batch/gray", "b1", (20, "job says"), (21, f'{{"run": "{REQUEST}"}}'))
    write("/aws/batch/gray", "b2", (20, "another job"))
    assert run(["log", "-n", "gray", "-ri", REQUEST], services) == 0
    assert [text for _, text in lines(capsys.readouterr().out, with_owner=False)] == [
        f"START RequestId: {REQUEST} Version: 1",
        "mine",
        f"REPORT RequestId: {REQUEST} Duration: 4 ms",
        "job says",
        f'{{"run": "{REQUEST}"}}',
    ]


def test_a_function_without_logs_is_no_error(
    services: Services, function: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["log", "-n", "gray"], services) == 0
    assert "There are no log lines yet." in capsys.readouterr().err


def test_a_missing_function_is_an_error(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["log", "-n", "gray"], services) == 1
    assert "There is no function gray." in capsys.readouterr().err


def test_control_characters_of_scripts_do_not_reach_the_terminal(
    services: Services, function: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write("/aws/lambda/gray", "s1", (0, "a\x1b[2Jb\rc"))
    assert run(["log", "-n", "gray"], services) == 0
    assert "\x1b" not in capsys.readouterr().out


SUPERVISOR_LINE = {
    "time": "2026-09-21T14:13:20.000Z",
    "level": "INFO",
    "message": "Batch job fn-a submitted.",
    "job": "j-1",
    "run": "3f9c2a1200000000",
}
REPORT = (
    "REPORT RequestId: 5c9d84bd-1\tDuration: 12.30 ms\tBilled Duration: 13 ms\t"
    "Memory Size: 512 MB\tMax Memory Used: 67 MB\tInit Duration: 210.00 ms\t"
)


def test_the_lines_of_the_supervisor_and_of_lambda_are_readable(
    services: Services, function: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = json.dumps(SUPERVISOR_LINE)
    write(
        "/aws/lambda/gray",
        "s1",
        (0, "START RequestId: 5c9d84bd-1 Version: 1"),
        (1, text),
        (2, '{"time": "of the script"}'),
        (3, REPORT),
    )
    assert run(["log", "-n", "gray"], services) == 0
    shown = capsys.readouterr().out
    assert lines(shown)[1:] == [
        ("lambda", "INFO Batch job fn-a submitted. (job=j-1)"),
        ("lambda", '{"time": "of the script"}'),
        ("lambda", "REPORT 12.30 ms, billed 13 ms, 67 of 512 MB, init duration 210.00 ms"),
    ]
    assert {line[31:39] for line in shown.splitlines()} == {"5c9d84bd"}
    assert run(["log", "-n", "gray", "--raw"], services) == 0
    assert lines(capsys.readouterr().out)[1] == ("lambda", text)


def test_lines_say_whose_they_are(
    services: Services, function: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write("/aws/lambda/gray", "s1", (0, "START RequestId: aaaaaaaa-1 Version: 1"), (20, "one"))
    write("/aws/lambda/gray", "s2", (10, "START RequestId: bbbbbbbb-1 Version: 1"), (30, "two"))
    write("/aws/batch/gray", "gray/default/cccccccc1", (40, "three"))
    assert run(["log", "-n", "gray"], services) == 0
    shown = capsys.readouterr().out.splitlines()
    owners = {line[41:]: line[31:39] for line in shown}
    assert owners["one"] == "aaaaaaaa"
    assert owners["two"] == "bbbbbbbb"
    assert owners["three"] == "cccccccc"


def test_the_logs_of_a_removed_function_are_explained(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    client = boto3.client("s3", region_name="us-east-1")
    bucket = "scar-123456789012-us-east-1"
    client.create_bucket(Bucket=bucket)
    client.put_object(Bucket=bucket, Key="runs/gone/2026-09-21/abc/claim.json", Body=b"{}")
    assert run(["log", "-n", "gone"], services) == 1
    assert "was removed, and its logs were deleted with it" in capsys.readouterr().err
    assert run(["log", "-n", "absent"], services) == 1
    assert "There is no function absent." in capsys.readouterr().err


def test_the_kept_logs_of_a_removed_function_are_followed_to_their_end(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    write("/aws/lambda/gone", "s1", (0, "one"))
    write("/aws/lambda/went", "s1", (5, "two"))
    assert run(["log", "-n", "gone", "-n", "went", "-F"], services) == 0
    shown = capsys.readouterr()
    assert [text for _, text in lines(shown.out)] == ["one", "two"]
    assert "gone, went: removed, so no further lines follow." in shown.err


@pytest.mark.parametrize("keeps_logs", [True, False])
def test_following_ends_after_the_function_is_removed(
    services: Services,
    function: str,
    keeps_logs: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(import_module("scar.cli.commands.log"), "POLL_INTERVAL", 0)
    group = f"/aws/lambda/{function}"
    write(group, "s1", (0, "one"))
    read_log = logs.read_log

    def remove_after_reading(*arguments: Any, **options: Any) -> Iterator[LogLine]:  # noqa: ANN401
        yield from read_log(*arguments, **options)
        monkeypatch.setattr(logs, "read_log", read_log)
        write(group, "s2", (10, "late"))
        boto3.client("lambda", region_name="us-east-1").delete_function(FunctionName=function)
        if not keeps_logs:
            boto3.client("logs", region_name="us-east-1").delete_log_group(logGroupName=group)

    monkeypatch.setattr(logs, "read_log", remove_after_reading)
    assert run(["log", "-n", function, "-F"], services) == 0
    shown = capsys.readouterr()
    expected = ["one", "late"] if keeps_logs else ["one"]
    assert [text for _, text in lines(shown.out)] == expected
    assert "removed, so no further lines follow" in shown.err


def test_lines_reach_a_pipe_before_the_wait_for_further_lines(
    services: Services, function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(f"/aws/lambda/{function}", "s1", (0, "one"))
    pipe = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(pipe))
    received: list[bytes] = []

    def sleep(_seconds: float) -> None:
        received.append(pipe.getvalue())
        boto3.client("lambda", region_name="us-east-1").delete_function(FunctionName=function)

    module = import_module("scar.cli.commands.log")
    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=sleep))
    assert run(["log", "-n", function, "-F"], services) == 0
    assert received[0].endswith(b"  one\n")
