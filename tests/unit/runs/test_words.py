"""What people are told about a run."""

from __future__ import annotations

from typing import Any

import pytest

from scar.runs import diagnosis as explain
from scar.runs.batch_job import JobDetail
from scar.runs.ledger import Run
from scar.runs.report import build_report
from scar.runs.run_history import RunHistory
from scar.runs.states import derive_state
from supervisor.invocation import RunPath

NOW = 1_790_000_000.0
PATH = RunPath(function="fn", date="2026-09-21", run_id="abc")
LAMBDA = {"site": "lambda", "request": "req", "job": "", "attempt": 1}
BATCH = {"site": "batch", "request": "req", "job": "j-1", "attempt": 2}


def a_story(
    said: dict[str, dict[str, Any]],
    *,
    job: JobDetail | None = None,
    tail: tuple[str, ...] = (),
    age: float = 0,
) -> RunHistory:
    written = {name: NOW - 100 + place for place, name in enumerate(said)}
    run = Run(path=PATH, state=derive_state(written, NOW + age), record_times=written)
    return RunHistory(run=run, records=said, job=job, log_tail=tail, triggered_runs={})


def test_a_run_through_both_services_is_told_in_order() -> None:
    told = build_report(
        a_story(
            {
                "delegated": {"owner": LAMBDA, "job": "j-1", "problem": "Time was over."},
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
    assert told.headline == "Run abc of fn (2026-09-21): done"
    assert [line.text for line in told.lines] == [
        "handed to Batch job j-1 by Lambda request req: Time was over.",
        "claimed by Batch job j-1, attempt 2 for s3://b/in/x",
        "attempt 2 began in Batch (log stream fn/default/1)",
        "done by Batch job j-1, attempt 2",
        "made s3://b/out/x (5 bytes)",
    ]
    assert told.cause == ""


def test_what_was_another_files_result_is_told() -> None:
    made = {"bucket": "b", "key": "out/x", "size": 5, "replaced": "fn/2026-09-20/def"}
    told = build_report(a_story({"claim": {"owner": LAMBDA}, "done": {"outputs": [made]}}))
    assert told.lines[-1].text == (
        "made s3://b/out/x (5 bytes), in place of what run fn/2026-09-20/def made of another file"
    )


def test_our_own_record_comes_before_batchs_words() -> None:
    error = {"owner": BATCH, "kind": "OutputError", "problem": "Bad name.", "remedy": "Rename."}
    job = JobDetail(id="j-1", status="FAILED", reason="Essential container in task exited")
    told = build_report(a_story({"claim": {"owner": BATCH}, "error": error}, job=job))
    assert (told.cause, told.remedy) == ("Bad name.", "Rename.")


def test_the_log_explains_a_script_that_failed_for_a_known_reason() -> None:
    error = {"owner": LAMBDA, "kind": "ScriptFailed", "problem": "Status 1.", "remedy": "Read."}
    tail = ("exec /tool: exec format error", "cleaning up")
    told = build_report(a_story({"claim": {"owner": LAMBDA}, "error": error}, tail=tail))
    assert "another architecture" in told.cause


def test_want_of_memory_in_lambda_is_not_blamed_on_batch() -> None:
    error = {"owner": LAMBDA, "kind": "OutOfMemory", "problem": "Killed.", "remedy": "More."}
    tail = ("Runtime.OutOfMemory", "END RequestId: x")
    told = build_report(a_story({"claim": {"owner": LAMBDA}, "error": error}, tail=tail))
    assert (told.cause, told.remedy) == ("Killed.", "More.")


def test_want_of_memory_in_a_job_names_the_jobs_memory() -> None:
    error = {"owner": BATCH, "kind": "OutOfMemory", "problem": "Killed.", "remedy": "Use Batch."}
    job = JobDetail(id="j-1", status="FAILED", reason="Essential container in task exited")
    told = build_report(a_story({"claim": {"owner": BATCH}, "error": error}, job=job))
    assert "batch.memory" in told.remedy


def test_a_scripts_own_want_of_memory_names_both_memories() -> None:
    error = {"owner": LAMBDA, "kind": "ScriptFailed", "problem": "Status 1.", "remedy": "Read."}
    tail = ("java.lang.OutOfMemoryError: Java heap space",)
    told = build_report(a_story({"claim": {"owner": LAMBDA}, "error": error}, tail=tail))
    assert "lambda.memory" in told.remedy
    assert "batch.memory" in told.remedy


def test_only_scar_cancels_own_reason_says_that_it_was_cancelled() -> None:
    for reason in ("do not use scar cancel for this", "scar cancelled"):
        job = JobDetail(id="j-1", status="FAILED", reason=reason)
        told = build_report(
            a_story({"claim": {"owner": BATCH}, "error": {"kind": "JobTerminated"}}, job=job)
        )
        assert "cancelled it" not in told.cause


def test_batchs_words_mean_nothing_in_a_scripts_log() -> None:
    error = {"owner": LAMBDA, "kind": "ScriptFailed", "problem": "Status 1.", "remedy": "Read."}
    tail = ("ACTION_REQUIRED: calibrate", "scar cancel")
    told = build_report(a_story({"claim": {"owner": LAMBDA}, "error": error}, tail=tail))
    assert (told.cause, told.remedy) == ("Status 1.", "Read.")


@pytest.mark.parametrize(
    ("reason", "why", "remedy"),
    [
        ("Job attempt duration exceeded timeout", "longer than batch.timeout", "batch.timeout"),
        ("scar cancel", "cancelled it", "scar retry"),
        ("", "received TERM", "starts the run again"),
    ],
)
def test_batch_tells_why_a_job_was_told_to_end(reason: str, why: str, remedy: str) -> None:
    error = {
        "owner": BATCH,
        "kind": "JobTerminated",
        "problem": "The Batch job received TERM: it timed out or its instance was reclaimed.",
        "remedy": "`scar retry` starts the run again.",
    }
    job = JobDetail(id="j-1", status="FAILED", reason=reason)
    told = build_report(a_story({"claim": {"owner": BATCH}, "error": error}, job=job))
    assert why in told.cause
    assert remedy in told.remedy
    assert not reason or "instance was reclaimed" not in told.cause


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job …", "large enough"),
        ("MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) …", "vCPUs"),
        ("CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service …", "no free machine"),
        ("", "waits for a machine"),
    ],
)
def test_a_job_that_waits_says_for_what_and_what_to_do(reason: str, said: str) -> None:
    job = JobDetail(id="j-1", status="RUNNABLE", reason=reason)
    records: dict[str, dict[str, Any]] = {
        "claim": {"owner": LAMBDA},
        "delegated": {"owner": LAMBDA, "job": "j-1"},
    }
    told = build_report(a_story(records, job=job))
    assert "RUNNABLE" in told.headline
    assert said in told.cause
    assert told.remedy


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (
            JobDetail(id="j", status="FAILED", reason="Host EC2 (instance i-1) terminated."),
            "taken away",
        ),
        (JobDetail(id="j", status="FAILED", exit_code=137), "137"),
        (
            JobDetail(
                id="j", status="FAILED", container_reason="OutOfMemoryError: Container killed"
            ),
            "more memory",
        ),
        (
            JobDetail(id="j", status="FAILED", container_reason="CannotPullContainerError: x"),
            "pull",
        ),
        (JobDetail(id="j", status="forgotten"), "forgotten"),
    ],
)
def test_a_job_that_died_without_a_word_is_explained_by_batch(job: JobDetail, said: str) -> None:
    records: dict[str, dict[str, Any]] = {
        "claim": {"owner": LAMBDA},
        "delegated": {"owner": LAMBDA, "job": "j"},
    }
    told = build_report(a_story(records, job=job))
    assert said in told.cause
    assert told.remedy


def test_a_sandbox_that_died_without_a_word_is_told_as_such() -> None:
    told = build_report(a_story({"claim": {"owner": LAMBDA}}, age=5000))
    assert "lost" in told.headline
    assert "without a word" in told.cause


def test_every_meaning_has_a_remedy() -> None:
    for sign, meaning in explain._REASONS:
        assert explain.diagnose_reason(f"xx {sign.upper()} yy") == meaning
        assert meaning.remedy.endswith(".")
