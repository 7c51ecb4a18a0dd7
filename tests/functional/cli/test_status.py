"""``scar status``, ``wait``, ``why`` and ``retry`` as typed, over records in moto's S3."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from scar.cli.main import run
from scar.cli.run_output import cut_middle
from scar.runs.lookup import input_id_prefix
from supervisor.runs import record_format

if TYPE_CHECKING:
    from scar.cli.services import Services

BUCKET = "scar-123456789012-us-east-1"
DAY = "2026-09-21"
DIRECT = "5c9d84bd-0000-4000-8000-000000000000"
LAMBDA = {"site": "lambda", "request": "r", "job": "", "attempt": 1}
BATCH = {"site": "batch", "request": "r", "job": "j-1", "attempt": 2}
KEY = "in/" + "holiday/" * 10 + "a\x1b[31mb.jpg"


def put(function: str, run_id: str, **records: dict[str, Any]) -> None:
    client = boto3.client("s3", region_name="us-east-1")
    for name, record in records.items():
        key = f"runs/{function}/{DAY}/{run_id}/{name.replace('_', '-')}.json"
        client.put_object(Bucket=BUCKET, Key=key, Body=record_format.encode(record))


@pytest.fixture
def ledger(services: Services) -> str:
    """Record a file that made nothing, in two attempts of a job, and a failed direct call."""
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=BUCKET)
    file_run = f"{input_id_prefix('gone', 'photos', KEY)}{1:016x}"
    left_out = [{"reason": "unmatched", "count": 3, "examples": ["a.txt"], "expected": "*.csv"}]
    put(
        "gone",
        file_run,
        claim={"owner": BATCH, "input": {"bucket": "photos", "key": KEY}},
        delegated={"owner": LAMBDA, "job": "j-1"},
        attempt_1={"owner": BATCH},
        attempt_2={"owner": BATCH},
        done={"owner": BATCH, "state": "done", "outputs": [], "left_out": left_out},
    )
    error = {"owner": LAMBDA, "kind": "ScriptFailed", "problem": "It was ended by SIGSEGV."}
    put("gone", DIRECT, claim={"owner": LAMBDA, "event": "{}"}, error=error)
    return file_run


def test_the_list_has_file_duration_service_and_what_was_left_out(
    services: Services, ledger: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["status", "-j"], services) == 0
    found = json.loads(capsys.readouterr().out)
    (function,) = found["functions"]
    assert (function["removed"], function["done"], function["failed"]) == (True, 1, 1)
    by_run = {row["run"]: row for row in found["recent"]}
    file, direct = by_run[ledger], by_run[DIRECT]
    assert file["file"] == f"s3://photos/{KEY}"
    assert (file["service"], file["attempts"], file["direct"]) == ("batch", 2, False)
    assert file["note"] == "made nothing: 3 files did not match *.csv (a.txt, …)"
    assert (direct["direct"], direct["service"], direct["file"]) == (True, "lambda", "")
    assert direct["note"] == "It was ended by SIGSEGV."
    assert all(isinstance(row["seconds"], float) for row in (file, direct))


def test_the_table_names_direct_calls_and_removed_functions_and_escapes_names(
    services: Services, ledger: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["status"], services) == 0
    shown = capsys.readouterr().out
    assert "gone (removed)" in shown
    assert "direct call" in shown
    assert "batch (2)" in shown
    assert "\x1b" not in shown
    assert f"{ledger}  done: made nothing: 3 files did not match *.csv (a.txt, …)" in shown
    assert f"{DIRECT}  failed: It was ended by SIGSEGV." in shown


def test_several_functions_can_be_named(
    services: Services, ledger: str, capsys: pytest.CaptureFixture[str]
) -> None:
    put("other", DIRECT, claim={"owner": LAMBDA})
    put("third", DIRECT, claim={"owner": LAMBDA})
    assert run(["status", "-j", "-n", "gone", "-n", "other"], services) == 0
    found = json.loads(capsys.readouterr().out)
    assert [function["name"] for function in found["functions"]] == ["gone", "other"]
    assert run(["status", "-n", "gone", "-n", "absent"], services) == 1
    assert "There is no function absent." in capsys.readouterr().err


HANDLER = "scar-failure-handler"


def test_what_the_failure_handler_refused_is_no_run_and_shown_on_request(
    services: Services, ledger: str, capsys: pytest.CaptureFixture[str]
) -> None:
    error = {"owner": LAMBDA, "kind": "EventDiscarded", "problem": "Nothing confirms it."}
    for number in range(3):
        put(HANDLER, f"{number:032x}", claim={"owner": LAMBDA}, error=error)
    assert run(["status", "-j"], services) == 0
    found = json.loads(capsys.readouterr().out)
    assert [function["name"] for function in found["functions"]] == ["gone"]
    assert {row["run"] for row in found["recent"]} == {ledger, DIRECT}
    assert run(["status", "-j", "-n", HANDLER], services) == 0
    (function,) = json.loads(capsys.readouterr().out)["functions"]
    assert (function["removed"], function["failed"]) == (False, 3)
    for names in ((), ("-n", "gone"), ("-n", "gone", "-n", HANDLER)):
        assert run(["retry", "--failed", "--dry-run", "-j", *names], services) == 0
        shown = capsys.readouterr()
        assert DIRECT in shown.out
        assert f"{0:032x}" not in shown.out
        assert ("nothing confirms" in shown.err) == (HANDLER in names)
    assert run(["retry", "--failed", "-n", HANDLER], services) == 0
    assert "nothing confirms" in capsys.readouterr().err
    assert run(["retry", f"{1:032x}"], services) != 0
    assert "nothing confirms" in capsys.readouterr().err


def test_the_failure_handler_can_be_named_before_it_refused_anything(
    services: Services, ledger: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["status", "-j", "-n", HANDLER], services) == 0
    (function,) = json.loads(capsys.readouterr().out)["functions"]
    assert (function["removed"], function["failed"]) == (False, 0)


def test_waiting_for_a_run_says_what_it_left_out(
    services: Services, ledger: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["wait", ledger], services) == 0
    assert "done, made nothing: 3 files did not match *.csv (a.txt, …)" in capsys.readouterr().err
    assert run(["wait", ledger, "-j"], services) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["notes"] == {
        f"gone/{DAY}/{ledger}": "done, made nothing: 3 files did not match *.csv (a.txt, …)"
    }


def test_a_repeated_direct_call_has_ended(
    services: Services, ledger: str, capsys: pytest.CaptureFixture[str]
) -> None:
    put("gone", DIRECT, repeated={"repeated_as": "new-run"})
    assert run(["status", "-j"], services) == 0
    (function,) = json.loads(capsys.readouterr().out)["functions"]
    assert (function["waiting"], function["failed"], function["repeated"]) == (0, 0, 1)
    assert run(["wait", DIRECT], services) == 0
    assert run(["why", DIRECT], services) == 0
    assert "repeated as run new-run" in capsys.readouterr().out
    assert run(["retry", "--failed"], services) == 0
    assert "Started 0 runs." in capsys.readouterr().err
    assert run(["cancel", DIRECT], services) == 1
    assert "was repeated as run new-run" in capsys.readouterr().err


@pytest.mark.parametrize("columns", [60, 80, 100, 200])
def test_the_list_fits_a_terminal(
    services: Services,
    ledger: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert run(["status", "-n", "gone"], services) == 0
    shown = capsys.readouterr().out.splitlines()
    (row,) = [line for line in shown if "s3://" in line]
    assert len(row) <= max(columns, 88)
    assert ".jpg" in row
    assert ledger[:8] in row


@pytest.mark.parametrize("width", range(4, 30))
def test_a_long_name_keeps_its_beginning_and_its_end(width: int) -> None:
    text = "s3://photos/in/IMG_2031.jpg"
    cut = cut_middle(text, width)
    assert len(cut) == min(width, len(text))
    start, dots, end = cut.partition("…")
    assert text.startswith(start)
    assert text.endswith(end)
    assert bool(dots) == (width < len(text))


def test_why_shows_the_lines_of_the_supervisor_and_of_lambda_as_text(
    services: Services, ledger: str, capsys: pytest.CaptureFixture[str]
) -> None:
    supervisor = {"time": "t", "level": "WARNING", "message": "Slow disk.", "run": DIRECT}
    logged = [
        "START RequestId: r Version: 1",
        json.dumps(supervisor),
        "it says",
        "REPORT RequestId: r\tDuration: 4 ms\tBilled Duration: 5 ms\tMemory Size: 256 MB",
    ]
    client = boto3.client("logs", region_name="us-east-1")
    client.create_log_group(logGroupName="/aws/lambda/gone")
    client.create_log_stream(logGroupName="/aws/lambda/gone", logStreamName="s1")
    client.put_log_events(
        logGroupName="/aws/lambda/gone",
        logStreamName="s1",
        logEvents=[{"timestamp": int(time.time() * 1000), "message": text} for text in logged],
    )
    where = {"log_group": "/aws/lambda/gone", "log_stream": "s1"}
    put("gone", DIRECT, error={"owner": LAMBDA, "kind": "X", "problem": "p", **where})
    assert run(["why", DIRECT], services) == 0
    shown = capsys.readouterr().out
    assert "    WARNING Slow disk.\n    it says\n    REPORT 4 ms, billed 5 ms" in shown
    assert "{" not in shown
    assert "\t" not in shown
    assert run(["why", DIRECT, "-j"], services) == 0
    (history,) = json.loads(capsys.readouterr().out)
    assert history["log"] == logged
