"""The report of a run: its history, the cause of a failure, the remedy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scar.runs import diagnosis
from scar.runs.batch_job import JobDetail
from scar.runs.history.log_streams import list_log_streams
from scar.runs.history.model import RunHistory
from scar.runs.ledger import Run
from scar.runs.report import build_report
from scar.runs.states import derive_state
from supervisor.invocation import RunPath

NOW = 1_790_000_000.0
PATH = RunPath(function="fn", date="2026-09-21", run_id="abc")
LAMBDA = {"site": "lambda", "request": "req", "job": "", "attempt": 1}
BATCH = {"site": "batch", "request": "req", "job": "j-1", "attempt": 2}


def a_history(
    expected: dict[str, dict[str, Any]],
    *,
    job: JobDetail | None = None,
    tail: tuple[str, ...] = (),
    age: float = 0,
) -> RunHistory:
    written = {name: NOW - 100 + place for place, name in enumerate(expected)}
    run = Run(path=PATH, state=derive_state(written, NOW + age), record_times=written)
    return RunHistory(run=run, records=expected, job=job, log_tail=tail, triggered_runs={})


def test_a_run_in_both_services_is_reported_in_order_of_time() -> None:
    report = build_report(
        a_history(
            {
                "delegated": {"owner": LAMBDA, "job": "j-1", "problem": "Timed out."},
                "claim": {"owner": BATCH, "input": {"bucket": "b", "key": "in/x"}},
                "attempt-2": {"owner": BATCH, "log_stream": "fn/default/1"},
                "done": {
                    "owner": BATCH,
                    "state": "done",
                    "outputs": [{"bucket": "b", "key": "out/x", "size": 5}],
                },
            }
        )
    )
    assert report.headline == "Run abc of fn (2026-09-21): done"
    assert [line.text for line in report.lines] == [
        "submitted to Batch as job j-1 by Lambda request req: Timed out.",
        "claimed by Batch job j-1, attempt 2: input s3://b/in/x",
        "attempt 2 started in Batch (log stream fn/default/1)",
        "done in Batch job j-1, attempt 2",
        "uploaded s3://b/out/x (5 bytes)",
    ]
    assert report.cause == ""


def test_files_in_other_stores_are_reported_with_the_store() -> None:
    source = {"provider": "minio.lab", "bucket": "b", "key": "in/x"}
    made = {"provider": "webdav.cloud", "bucket": "results", "key": "x", "size": 5}
    claim = {"owner": LAMBDA, "input": source}
    texts = [
        line.text
        for line in build_report(a_history({"claim": claim, "done": {"outputs": [made]}})).lines
    ]
    assert any(text.endswith("input minio.lab:b/in/x") for text in texts)
    assert texts[-1] == "uploaded webdav.cloud:results/x (5 bytes)"


@pytest.mark.parametrize(
    ("replaced", "text"),
    [
        ("fn/2026-09-20/def", "the output of run fn/2026-09-20/def from another input or call"),
        ("unknown", "an existing file, whose run is not known"),
    ],
)
def test_the_replaced_output_of_another_file_is_reported(replaced: str, text: str) -> None:
    made = {"bucket": "b", "key": "out/x", "size": 5, "replaced": replaced}
    report = build_report(a_history({"claim": {"owner": LAMBDA}, "done": {"outputs": [made]}}))
    assert report.lines[-1].text == f"uploaded s3://b/out/x (5 bytes); it replaced {text}"


def test_the_error_record_comes_before_the_reason_of_batch() -> None:
    error = {"owner": BATCH, "kind": "OutputError", "problem": "Bad name.", "remedy": "Rename."}
    job = JobDetail(id="j-1", status="FAILED", reason="Essential container in task exited")
    report = build_report(a_history({"claim": {"owner": BATCH}, "error": error}, job=job))
    assert (report.cause, report.remedy) == ("Bad name.", "Rename.")


def test_the_log_explains_a_script_that_failed_for_a_known_reason() -> None:
    error = {"owner": LAMBDA, "kind": "ScriptFailed", "problem": "Status 1.", "remedy": "Read."}
    tail = ("exec /tool: exec format error", "cleaning up")
    report = build_report(a_history({"claim": {"owner": LAMBDA}, "error": error}, tail=tail))
    assert "another architecture" in report.cause


def test_out_of_memory_in_lambda_does_not_name_the_memory_of_batch() -> None:
    error = {"owner": LAMBDA, "kind": "OutOfMemory", "problem": "Killed.", "remedy": "More."}
    tail = ("Runtime.OutOfMemory", "END RequestId: x")
    report = build_report(a_history({"claim": {"owner": LAMBDA}, "error": error}, tail=tail))
    assert (report.cause, report.remedy) == ("Killed.", "More.")


def test_out_of_memory_in_a_job_names_the_memory_of_batch() -> None:
    error = {"owner": BATCH, "kind": "OutOfMemory", "problem": "Killed.", "remedy": "Use Batch."}
    job = JobDetail(id="j-1", status="FAILED", reason="Essential container in task exited")
    report = build_report(a_history({"claim": {"owner": BATCH}, "error": error}, job=job))
    assert "batch.memory" in report.remedy


def test_out_of_memory_in_a_programs_log_names_both_memories() -> None:
    error = {"owner": LAMBDA, "kind": "ScriptFailed", "problem": "Status 1.", "remedy": "Read."}
    tail = ("java.lang.OutOfMemoryError: Java heap space",)
    report = build_report(a_history({"claim": {"owner": LAMBDA}, "error": error}, tail=tail))
    assert "lambda.memory" in report.remedy
    assert "batch.memory" in report.remedy


def test_only_the_reason_of_scar_cancel_is_reported_as_cancelled() -> None:
    for reason in ("do not use scar cancel for this", "scar cancelled"):
        job = JobDetail(id="j-1", status="FAILED", reason=reason)
        report = build_report(
            a_history({"claim": {"owner": BATCH}, "error": {"kind": "JobTerminated"}}, job=job)
        )
        assert "was cancelled" not in report.cause


def test_reasons_of_batch_mean_nothing_in_a_scripts_log() -> None:
    error = {"owner": LAMBDA, "kind": "ScriptFailed", "problem": "Status 1.", "remedy": "Read."}
    tail = ("ACTION_REQUIRED: calibrate", "scar cancel")
    report = build_report(a_history({"claim": {"owner": LAMBDA}, "error": error}, tail=tail))
    assert (report.cause, report.remedy) == ("Status 1.", "Read.")


@pytest.mark.parametrize(
    ("reason", "why", "remedy"),
    [
        ("Job attempt duration exceeded timeout", "longer than batch.timeout", "batch.timeout"),
        ("scar cancel", "was cancelled", "scar retry"),
        ("", "terminated (SIGTERM)", "Start it again"),
    ],
)
def test_the_reason_of_batch_explains_a_terminated_job(reason: str, why: str, remedy: str) -> None:
    error = {
        "owner": BATCH,
        "kind": "JobTerminated",
        "problem": "The job was terminated (SIGTERM): its instance was reclaimed.",
        "remedy": "Start it again.",
    }
    job = JobDetail(id="j-1", status="FAILED", reason=reason)
    report = build_report(a_history({"claim": {"owner": BATCH}, "error": error}, job=job))
    assert why in report.cause
    assert remedy in report.remedy
    assert not reason or "instance was reclaimed" not in report.cause


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job …", "large enough"),
        ("MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) …", "vCPUs"),
        ("CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service …", "no capacity"),
        ("", "waits for compute resources"),
    ],
)
def test_a_runnable_job_has_a_cause_and_a_remedy(reason: str, expected: str) -> None:
    job = JobDetail(id="j-1", status="RUNNABLE", reason=reason)
    records: dict[str, dict[str, Any]] = {
        "claim": {"owner": LAMBDA},
        "delegated": {"owner": LAMBDA, "job": "j-1"},
    }
    report = build_report(a_history(records, job=job))
    assert "RUNNABLE" in report.headline
    assert expected in report.cause
    assert report.remedy


def test_the_place_of_a_job_in_its_queue_is_a_part_of_the_cause() -> None:
    records: dict[str, dict[str, Any]] = {
        "claim": {"owner": LAMBDA},
        "delegated": {"owner": LAMBDA, "job": "j-1"},
    }
    history = a_history(records, job=JobDetail(id="j-1", status="RUNNABLE"))
    report = build_report(replace(history, place="3rd of 12 in the queue"))
    assert report.cause == "The job waits for compute resources. 3rd of 12 in the queue."


def test_an_invalid_environment_is_the_cause_of_a_queued_run() -> None:
    records: dict[str, dict[str, Any]] = {
        "claim": {"owner": LAMBDA},
        "delegated": {"owner": LAMBDA, "job": "j-1"},
    }
    history = a_history(records, job=JobDetail(id="j-1", status="RUNNABLE"))
    unusable = "compute environment scar-x is INVALID: CLIENT_ERROR - no role"
    report = build_report(replace(history, unusable=unusable))
    assert unusable in report.cause
    assert "scar init" in report.remedy


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (
            JobDetail(id="j", status="FAILED", reason="Host EC2 (instance i-1) terminated."),
            "instance was terminated",
        ),
        (JobDetail(id="j", status="FAILED", exit_code=137), "137"),
        (
            JobDetail(
                id="j", status="FAILED", container_reason="OutOfMemoryError: Container killed"
            ),
            "out of memory",
        ),
        (
            JobDetail(id="j", status="FAILED", container_reason="CannotPullContainerError: x"),
            "pull",
        ),
        (JobDetail(id="j", status="FAILED", reason="CannotPullECRContainerError: x"), "pull"),
        (
            JobDetail(id="j", status="FAILED", container_reason="DockerTimeoutError: Could not"),
            "did not start within 4 minutes",
        ),
        # Batch cancelled it for the queue's jobStateTimeLimitActions.
        (
            JobDetail(id="j", status="FAILED", reason="MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"),
            "10 minutes at the head of its queue",
        ),
        (
            JobDetail(
                id="j",
                status="FAILED",
                reason="MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
            ),
            "10 minutes at the head of its queue",
        ),
        (JobDetail(id="j", status=diagnosis.JOB_NOT_FOUND), "deleted"),
    ],
)
def test_a_lost_run_is_explained_by_its_job(job: JobDetail, expected: str) -> None:
    records: dict[str, dict[str, Any]] = {
        "claim": {"owner": LAMBDA},
        "delegated": {"owner": LAMBDA, "job": "j"},
    }
    report = build_report(a_history(records, job=job))
    assert expected in report.cause
    assert report.remedy


def test_a_run_lost_in_lambda_has_no_recorded_error() -> None:
    report = build_report(a_history({"claim": {"owner": LAMBDA}}, age=5000))
    assert "lost" in report.headline
    assert "without recording an error" in report.cause


def test_every_diagnosis_has_a_remedy() -> None:
    for part, known in diagnosis._REASONS:
        assert diagnosis.diagnose_reason(f"xx {part.upper()} yy") == known
        assert known.remedy.endswith(".")


THROTTLED = {
    "owner": LAMBDA,
    "kind": "SubmissionThrottled",
    "problem": "AWS Batch throttled SubmitJob for the job fn-abc.",
    "log_group": "/aws/lambda/fn",
    "log_stream": "s",
}


def test_a_run_that_waits_for_batch_says_why_and_that_lambda_tries_again() -> None:
    report = build_report(a_history({"claim": {"owner": LAMBDA}, "waiting": THROTTLED}))
    assert report.headline.endswith(
        ": waiting: not submitted to AWS Batch yet; next attempt by Lambda"
    )
    assert report.lines[-1].text == (
        "not submitted by Lambda request req, waiting: AWS Batch throttled SubmitJob for the job"
        " fn-abc."
    )
    assert "50 SubmitJob requests a second" in report.cause
    assert "Nothing to do" in report.remedy


def test_a_run_whose_submission_was_not_answered_says_so_and_names_no_rate() -> None:
    problem = "It is not known whether Batch accepted the job fn-abc: the connection was closed."
    record = THROTTLED | {"kind": "SubmissionUnanswered", "problem": problem}
    report = build_report(a_history({"claim": {"owner": LAMBDA}, "waiting": record}))
    assert report.headline.endswith(
        ": waiting: not submitted to AWS Batch yet; next attempt by Lambda"
    )
    assert report.cause == problem
    assert "Nothing to do" in report.remedy
    assert "50" not in f"{report.headline} {report.cause} {report.remedy}"
    lost = build_report(a_history({"claim": {"owner": LAMBDA}, "waiting": record}, age=90_000))
    assert lost.headline.endswith(": lost")
    assert "throttled" not in lost.cause
    assert problem in lost.cause


def test_a_retried_run_in_lambdas_queue_has_no_cause() -> None:
    error = {"owner": LAMBDA, "problem": "x"}
    records: dict[str, dict[str, Any]] = {"claim": {"owner": LAMBDA}, "error": error, "retry": {}}
    report = build_report(a_history(records))
    assert report.headline.endswith("waiting in Lambda's queue")
    assert (report.cause, report.remedy) == ("", "")


def test_a_throttled_run_that_lambda_dropped_can_be_retried() -> None:
    report = build_report(a_history({"claim": {"owner": LAMBDA}, "waiting": THROTTLED}, age=90_000))
    assert report.headline.endswith(": lost")
    assert "throttled" in report.cause
    assert "scar retry" in report.remedy


def test_a_throttled_run_that_the_failure_handler_gave_up_has_its_error() -> None:
    error = THROTTLED | {"remedy": "`scar retry` starts the run again."}
    report = build_report(
        a_history({"claim": {"owner": LAMBDA}, "waiting": THROTTLED, "error": error})
    )
    assert report.cause == THROTTLED["problem"]
    assert "scar retry" in report.remedy


def test_records_of_one_second_are_reported_in_the_order_of_their_writing() -> None:
    records: dict[str, dict[str, Any]] = {
        "claim": {"owner": LAMBDA},
        "waiting": THROTTLED,
        "delegated": {"owner": LAMBDA, "job": "j-1"},
    }
    written = dict.fromkeys(records, NOW)
    run = Run(path=PATH, state=derive_state(written, NOW), record_times=written)
    history = RunHistory(run=run, records=records, triggered_runs={})
    texts = [line.text.split()[0] for line in build_report(history).lines]
    assert texts == ["claimed", "not", "submitted"]


def test_a_run_that_made_nothing_says_so_and_why() -> None:
    left_out = [{"reason": "unmatched", "count": 1, "expected": "suffix .csv"}]
    claim = {"owner": LAMBDA, "input": {"bucket": "b", "key": "in/x"}}
    done = {"owner": LAMBDA, "state": "done", "outputs": [], "left_out": left_out}
    report = build_report(a_history({"claim": claim, "done": done}))
    assert report.headline.endswith(": done, made nothing: 1 file did not match suffix .csv")
    assert report.note == "made nothing: 1 file did not match suffix .csv"
    assert report.cause == ""


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "superseded by a newer upload of its input file"),
        ({"input_absent": True}, "its input file did not exist, or was deleted before the run"),
    ],
)
def test_a_superseded_run_did_not_make_nothing(fields: dict[str, Any], text: str) -> None:
    claim = {"owner": LAMBDA, "input": {"bucket": "b", "key": "in/x"}}
    done = {"owner": LAMBDA, "state": "superseded", "outputs": [], **fields}
    report = build_report(a_history({"claim": claim, "done": done}))
    assert report.note == ""
    assert report.headline.endswith(f": {text}")


def test_a_repeated_run_names_the_run_that_continues_it() -> None:
    records: dict[str, dict[str, Any]] = {
        "claim": {"owner": LAMBDA},
        "error": {"owner": LAMBDA, "kind": "ScriptFailed", "problem": "Status 1."},
        "repeated": {"repeated_as": "new-id"},
    }
    history = a_history(records)
    report = build_report(history)
    assert report.headline.endswith(": repeated as another run")
    assert report.lines[-1].text == "repeated as run new-id, which has not started yet"
    times = {"claim": NOW}
    path = RunPath(function="fn", date="2026-09-21", run_id="new-id")
    new = Run(path=path, state=derive_state(times, NOW), record_times=times)
    report = build_report(replace(history, repeated_as=new))
    assert report.lines[-1].text == "repeated as run fn/2026-09-21/new-id (running in Lambda)"


def test_a_cancelled_run_says_so_once() -> None:
    error = {"owner": LAMBDA, "kind": "Cancelled", "problem": "It was cancelled."}
    records: dict[str, dict[str, Any]] = {
        "claim": {"owner": LAMBDA},
        "error": error,
        "cancelled": {},
        "done": {},
    }
    report = build_report(a_history(records))
    assert [line.text for line in report.lines][1:] == ["cancelled: It was cancelled."]
    assert report.cause == "It was cancelled."


def test_jobs_that_are_submitted_again_within_a_second_come_before_their_attempts() -> None:
    """S3's times are whole seconds: a run may submit and start its next job in one."""
    first, second = {**BATCH, "attempt": 1}, {**BATCH, "job": "j-2", "attempt": 1}
    grown = {
        "requested": {"vcpus": "2", "memory": 1000, "timeout": 600},
        "memory": {"before": 512, "after": 1000, "limited_by": "up_to is 1000"},
    }
    records: dict[str, dict[str, Any]] = {
        "done": {"owner": second, "state": "done"},
        "attempt-2.1": {"owner": second},
        "claim": {"owner": second, "job_number": 2},
        "delegated-2": {"owner": first, "job": "j-2", "problem": "Killed.", **grown},
        "attempt-1": {"owner": first},
        "delegated": {"owner": LAMBDA, "job": "j-1", "requested": {"gpus": 1, "queue": "fast"}},
    }
    history = a_history(records)
    same = replace(history.run, record_times=dict.fromkeys(records, NOW))
    assert [line.text for line in build_report(replace(history, run=same)).lines][:6] == [
        "submitted to Batch as job j-1 by Lambda request req, with 1 GPU and queue fast",
        "attempt 1 started in Batch",
        (
            "submitted to Batch again as job j-2 by Batch job j-1, attempt 1, with 2 vCPUs,"
            " 1000 MiB instead of 512 (up_to is 1000) and a timeout of 600 s: Killed."
        ),
        "claimed by Batch job j-2, attempt 1: direct invocation",
        "attempt 2.1 started in Batch",
        "done in Batch job j-2, attempt 1",
    ]


def test_all_jobs_of_a_run_have_log_streams_without_records_of_them() -> None:
    first, second = {**BATCH, "attempt": 1}, {**BATCH, "job": "j-2", "attempt": 1}
    records: dict[str, dict[str, Any]] = {
        "delegated": {"owner": LAMBDA, "job": "j-1", "log_group": "g", "log_stream": "lambda"},
        "attempt-1": {"owner": first},
        "delegated-2": {"owner": first, "job": "j-2"},
        "claim": {"owner": second, "job_number": 2},
        "error": {"owner": second, "log_group": "/aws/batch/fn", "log_stream": "s2b"},
    }
    job = JobDetail(id="j-2", status="FAILED", log_stream="s2b")
    streams = {"j-1": ("s1a", "s1b"), "j-2": ("s2a", "s2b")}
    history = replace(a_history(records, job=job), job_streams=streams)
    assert list(list_log_streams(history)) == [
        ("g", "lambda", "req"),
        *(("/aws/batch/fn", stream, "") for stream in ("s1a", "s1b")),
        *(("/aws/batch/fn", stream, "") for stream in ("s2a", "s2b")),
    ]
