"""Jobs as AWS Batch lists and describes them."""

from __future__ import annotations

from typing import Any

from scar.runs.jobs.model import parse_detail, parse_summary

SUMMARY: Any = {"jobId": "a", "jobName": "n", "status": "RUNNABLE", "createdAt": 2000}
DETAIL: Any = {
    **SUMMARY,
    "jobQueue": "arn:aws:batch:us-east-1:123456789012:job-queue/q",
    "jobDefinition": "arn:aws:batch:us-east-1:123456789012:job-definition/fn:3",
    "startedAt": 3000,
    "statusReason": "why",
    "arrayProperties": {"size": 5, "statusSummary": {"RUNNING": 2, "FAILED": 0, "PENDING": 3}},
    "attempts": [
        {"startedAt": 3000, "stoppedAt": 4000, "container": {"exitCode": 1, "logStreamName": "s1"}},
        {"statusReason": "Host EC2 (instance i) terminated.", "container": {}},
    ],
    "container": {
        "logStreamName": "s2",
        "environment": [{"name": "TOKEN", "value": "hunter2"}],
        "resourceRequirements": [{"type": "VCPU", "value": "2"}],
    },
    "retryStrategy": {"attempts": 3},
    "timeout": {"attemptDurationSeconds": 60},
    "dependsOn": [{"jobId": "b"}],
}


def test_a_listed_job_has_the_queue_that_was_listed() -> None:
    job = parse_summary(SUMMARY, "q")
    assert (job.id, job.state, job.queue, job.created, job.has_ended) == (
        "a", "RUNNABLE", "q", 2.0, False,
    )  # fmt: skip


def test_a_described_job_has_no_values_of_variables() -> None:
    found = parse_detail(DETAIL)
    assert found.job.function == "fn"
    assert found.job.definition == "fn:3"
    assert found.job.counts == {"RUNNING": 2, "PENDING": 3}
    assert found.job.reason == "Host EC2 (instance i) terminated."
    assert [a.exit_code for a in found.attempts] == [1, None]
    assert found.log_streams == ("s2", "s1")
    assert (found.max_attempts, found.timeout, found.depends_on) == (3, 60, ("b",))
    assert list(found.environment) == ["TOKEN"]
    assert "hunter2" not in str(found)


def test_a_description_with_nothing_in_it_is_a_job() -> None:
    found = parse_detail(SUMMARY)
    assert found.job.id == "a"
    assert found.attempts == ()
