"""Which requests SubmitJob accepts and rejects."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scar.local.batch import submission
from scar.local.moto.batch_registry import JobDefinitionRecord, JobQueueRecord


def definition(**container: object) -> JobDefinitionRecord:
    return JobDefinitionRecord(
        name="d",
        arn="arn:aws:batch:us-east-1:1:job-definition/d:1",
        revision=1,
        region="us-east-1",
        active=True,
        container_json=json.dumps(
            {
                "image": "i",
                "resourceRequirements": [
                    {"type": "VCPU", "value": "0.5"},
                    {"type": "MEMORY", "value": "512"},
                ],
                "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}],
                **container,
            }
        ),
        retry_strategy=json.dumps(
            {"attempts": 3, "evaluateOnExit": [{"onExitCode": "7", "action": "exit"}]}
        ),
        timeout_seconds=600,
        parameters="{}",
    )


def test_overrides_lie_over_the_definition() -> None:
    spec = submission.build_job_spec(
        definition(),
        {
            "containerOverrides": {
                "resourceRequirements": [{"type": "MEMORY", "value": "1024"}],
                "environment": [{"name": "B", "value": "2"}],
            },
            "timeout": {"attemptDurationSeconds": 60},
            "retryStrategy": {"attempts": 1},
        },
    )
    assert (spec.vcpus, spec.memory_mb, spec.timeout) == (0.5, 1024, 60)
    assert spec.environment == {"A": "1", "B": "2"}
    assert (spec.attempts, spec.rules) == (1, ())


def test_the_definition_alone_is_enough() -> None:
    spec = submission.build_job_spec(definition(), {})
    assert (spec.attempts, spec.timeout, spec.log_group) == (3, 600, "/aws/batch/job")
    assert (spec.rules[0].exit_code, spec.rules[0].retry) == ("7", False)
    assert spec.definition_name == "d"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"jobName": "with space"}, "Job name should match valid pattern"),
        ({"jobName": "x" * 129}, "Job name should match valid pattern"),
        ({"timeout": {"attemptDurationSeconds": 59}}, "at least 60"),
        ({"containerOverrides": {"command": ["x"]}}, "does not emulate commands"),
        (
            {"containerOverrides": {"environment": [{"name": "AWS_BATCH_X", "value": "1"}]}},
            "AWS_BATCH",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(
    parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(submission.BatchApiError, match=message):
        submission.check_request({"jobName": "n", **parameters})


def test_a_large_request_is_refused_in_the_words_of_aws() -> None:
    with pytest.raises(
        submission.BatchApiError, match="Job size must be less than 30 KiB, got 47 KiB"
    ):
        submission.check_request({"jobName": "n", "parameters": {"x": "y" * (47 * 1024 - 37)}})


def test_long_overrides_are_accepted_and_doom_the_job() -> None:
    request = {"containerOverrides": {"environment": [{"name": "A", "value": "x" * 8_192}]}}
    assert submission.delayed_failure(request) == "Container Overrides length must be at most 8192"
    request["containerOverrides"]["environment"][0]["value"] = "x" * 7_400
    assert submission.delayed_failure(request) == ""


def test_unknown_and_closed_queues_and_unknown_definitions_are_refused() -> None:
    closed = JobQueueRecord(
        name="q", arn="q", region="r", enabled=False, priority=1, environments=()
    )
    request = {"jobQueue": "q", "jobDefinition": "d"}
    with pytest.raises(submission.BatchApiError, match="JobQueue q not found"):
        submission.check_queue_and_definition(request, None, definition())
    with pytest.raises(submission.BatchApiError, match="DISABLED"):
        submission.check_queue_and_definition(request, closed, definition())
