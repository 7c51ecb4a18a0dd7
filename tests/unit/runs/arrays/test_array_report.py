"""`scar why` of an array says why each child failed: what its record and its job say together."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from scar.runs.arrays.array_report import read_array_report, read_child_report
from scar.runs.arrays.array_store import ArrayJob, ArrayStore
from scar.runs.ledger import RunLedger
from supervisor.batch.array_manifest import ArrayPath, build_manifest
from supervisor.events.parser import parse_event
from supervisor.runs import record_format
from tests.fakes.s3_listing_client import ListedS3
from tests.fakes.supervisor_factory import notification

JOB = "4ae4c1a4-0000-4000-8000-000000000000"
PATH = ArrayPath(function="fn", date="2026-09-21", array_id="array-0123456789ab")
ARRAY = ArrayJob(path=PATH, job=JOB, count=2, submitted=0.0)
EVENTS = [json.dumps(notification(f"in/{number}")) for number in range(2)]
EXITED = "Essential container in task exited"


@dataclass
class Batch:
    """One failed array, whose child 1 has failed for this reason."""

    reason: str = EXITED
    array_reason: str = ""
    exit_code: int = 3
    calls: list[str] = field(default_factory=list)

    def describe_jobs(self, *, jobs: list[str]) -> dict[str, Any]:
        self.calls.append("describe")
        (job,) = jobs
        found: dict[str, Any] = {"jobId": job, "status": "FAILED", "statusReason": self.reason}
        if ":" in job:
            return {"jobs": [found | {"container": {"exitCode": self.exit_code}}]}
        summary = {"SUCCEEDED": 1, "FAILED": 1}
        counts = {"arrayProperties": {"size": 2, "statusSummary": summary}}
        return {"jobs": [found | counts | {"statusReason": self.array_reason}]}

    def list_jobs(self, **_: object) -> dict[str, Any]:
        self.calls.append("list")
        return {"jobSummaryList": [{"jobId": f"{JOB}:1", "arrayProperties": {"index": 1}}]}


def a_bucket(kind: str = "", problem: str = "", job: str = f"{JOB}.1") -> ListedS3:
    s3 = ListedS3()
    s3.put(PATH.key("manifest"), 500, build_manifest(EVENTS).body)
    if kind:
        (trigger,) = parse_event(EVENTS[1].encode())
        run = record_format.run_path("fn", trigger, "", "", ("", ""))
        error = {"kind": kind, "problem": problem, "remedy": "Correct it."}
        s3.put(f"runs/{run}/claim.json", 400)
        s3.put(f"runs/{run}/attempt-1.{job}.json", 399)
        s3.put(f"runs/{run}/error.json", 300, record_format.encode(error))
    return s3


def read(s3: ListedS3, batch: Batch, array: ArrayJob = ARRAY) -> tuple[str, str]:
    ledger = RunLedger(cast("Any", s3), "state")
    (child,) = read_array_report(ledger, cast("Any", batch), array).failed
    one = read_child_report(ledger, cast("Any", batch), array, 1)
    if not batch.array_reason:
        assert one == child
    return child.cause, child.remedy


def test_the_cause_is_that_of_the_error_record() -> None:
    s3 = a_bucket("ScriptFailed", "The script ended with status 3.")
    assert read(s3, Batch()) == ("The script ended with status 3.", "Correct it.")


def test_the_cause_has_what_only_batch_knows() -> None:
    s3 = a_bucket("JobTerminated", "received TERM")
    cause, _ = read(s3, Batch(reason="Job attempt duration exceeded timeout"))
    assert cause.startswith("The job ran longer than batch.timeout")


@pytest.mark.parametrize("with_record", [False, True])
@pytest.mark.parametrize("by_reason", [False, True])
def test_a_child_that_was_cancelled_with_its_array_says_so(
    with_record: bool, by_reason: bool
) -> None:
    s3 = a_bucket("JobTerminated", "received TERM") if with_record else a_bucket()
    batch = Batch(array_reason="scar cancel" if by_reason else "", exit_code=143)
    array = ARRAY
    if not by_reason:
        store = ArrayStore(cast("Any", s3), "state")
        s3.put(PATH.key(f"job-{JOB}.2"), 499, b"")
        store.write_cancelled(ARRAY, None)
        (array,) = store.list_arrays("fn")
    assert read(s3, batch, array)[0] == "The job was cancelled with `scar cancel`."


def test_without_a_record_the_cause_is_what_batch_says() -> None:
    cause, remedy = read(a_bucket(), Batch(reason="CannotPullContainerError: no"))
    assert cause == "Batch could not pull the function's image."
    assert remedy
    cause, _ = read(a_bucket(), Batch())
    assert cause == f"Its Batch job is FAILED. {EXITED}"


def test_a_record_of_another_job_is_not_the_cause() -> None:
    s3 = a_bucket("ScriptFailed", "Another failure.", job=f"{JOB[::-1]}.0")
    assert read(s3, Batch())[0] == f"Its Batch job is FAILED. {EXITED}"


def test_the_record_of_a_failed_child_costs_one_request() -> None:
    s3, batch = a_bucket("ScriptFailed", "Status 3."), Batch()
    read_array_report(RunLedger(cast("Any", s3), "state"), cast("Any", batch), ARRAY)
    assert batch.calls == ["describe", "list", "describe"]
    assert s3.calls["get"] == 3  # the manifest, array.json, the error record
