"""One SubmitJob per call, repeated only where no second job can come of it."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import boto3
import pytest

from supervisor.aws.retry import Backoff
from supervisor.batch import submitter
from supervisor.errors import ConfigError, SubmissionError
from supervisor.model import BatchTarget, JobRequest
from tests.functional.supervisor.scripted_server import Close, Reply, Step, scripted

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisor.batch.submitter import BatchSubmitter

TARGET = BatchTarget(queue="scar-0123", definition="resize")
JOB = JobRequest(name="resize-ab", environment={"SCAR_RUN_ID": "ab", "SCAR_EVENT": '{"ü": 1}'})
TAKEN = Reply(body=b'{"jobId": "job-1", "jobName": "resize-ab"}')


def a_submitter(url: str, sleep: Callable[[float], None] = lambda _: None) -> BatchSubmitter:
    environ = {
        "AWS_ENDPOINT_URL_BATCH": url,
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }
    return submitter.connect(TARGET, environ, Backoff(max_attempts=3, sleep=sleep))


def refusal(status: int, code: str, message: str) -> Reply:
    body = json.dumps({"message": message}).encode()
    return Reply(status=status, headers={"x-amzn-errortype": code}, body=body)


def test_a_job_is_submitted_as_boto3_submits_it() -> None:
    with scripted(TAKEN, TAKEN) as server:
        assert a_submitter(server.url).submit(JOB) == "job-1"
        client = boto3.client(
            "batch",
            "eu-west-1",
            endpoint_url=server.url,
            aws_access_key_id="a",
            aws_secret_access_key="b",
        )
        client.submit_job(
            jobName=JOB.name,
            jobQueue=TARGET.queue,
            jobDefinition=TARGET.definition,
            containerOverrides={
                "environment": [{"name": n, "value": v} for n, v in JOB.environment.items()]
            },
        )
        client.close()
    own, botos = server.requests
    assert (own.method, own.target) == (botos.method, botos.target)
    assert json.loads(own.body) == json.loads(botos.body)


@pytest.mark.parametrize(
    "lost", [Close(), Reply(status=500), Reply(status=504), Reply(only=0, body=b"x")]
)
def test_a_submission_that_may_have_arrived_is_not_repeated(lost: Step) -> None:
    with scripted(lost) as server, pytest.raises(SubmissionError, match="not known") as caught:
        a_submitter(server.url).submit(JOB)
    assert "scar-0123" in caught.value.remedy


def test_a_throttled_submission_is_repeated() -> None:
    slept: list[float] = []
    throttled = refusal(429, "TooManyRequestsException", "slow down")
    with scripted(throttled, throttled, TAKEN) as server:
        assert a_submitter(server.url, slept.append).submit(JOB) == "job-1"
    assert len(slept) == 2
    assert [s.connection for s in server.requests] == [1, 2, 3]


def test_a_batch_that_cannot_be_reached_is_tried_again_and_then_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    slept: list[float] = []
    with pytest.raises(SubmissionError, match=f"127.0.0.1:{port}"):
        a_submitter(f"http://127.0.0.1:{port}", slept.append).submit(JOB)
    assert len(slept) == 2


def test_batchs_message_and_the_missing_permission_are_in_the_error() -> None:
    denied = refusal(403, "AccessDeniedException", "User x is not authorized")
    with scripted(denied) as server, pytest.raises(SubmissionError, match="not authorized") as no:
        a_submitter(server.url).submit(JOB)
    assert "batch:SubmitJob" in no.value.remedy
    missing = refusal(400, "ClientException", "JobQueue scar-0123 not found")
    with (
        scripted(missing) as server,
        pytest.raises(SubmissionError, match="not found") as not_found,
    ):
        a_submitter(server.url).submit(JOB)
    assert "scar init" in not_found.value.remedy


def test_a_response_without_a_job_id_is_an_error() -> None:
    with scripted(Reply(body=b"{}")) as server, pytest.raises(SubmissionError, match="no job id"):
        a_submitter(server.url).submit(JOB)


def test_half_an_environment_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="AWS_SECRET_ACCESS_KEY"):
        submitter.connect(TARGET, {"AWS_ACCESS_KEY_ID": "a", "AWS_REGION": "eu-west-1"})
