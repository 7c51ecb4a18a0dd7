"""One SubmitJob per call, repeated only where no second job can come of it."""

from __future__ import annotations

import json
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import boto3
import pytest

from scar.aws.model.rates import RequestRate
from supervisor.aws.retry import Backoff
from supervisor.batch import submitter
from supervisor.errors import (
    ConfigError,
    SubmissionError,
    SubmissionPending,
    SubmissionThrottled,
    SubmissionUnanswered,
)
from supervisor.job_model import BatchTarget, JobRequest, NodeGroup
from supervisor.logs import Log
from tests.functional.supervisor.rate_limited_batch import rate_limited_batch
from tests.functional.supervisor.scripted_server import Close, NoReply, Reply, Step, scripted

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisor.batch.submitter import BatchSubmitter
    from tests.functional.supervisor.scripted_server import ReceivedRequest

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


@pytest.mark.parametrize("count", [0, 5])
def test_a_multi_node_job_has_its_overrides_for_all_nodes(count: int) -> None:
    job = replace(JOB, vcpus="2", memory=4096, nodes=count)
    target = replace(TARGET, nodes=NodeGroup(count=3))
    with scripted(TAKEN) as server:
        assert replace(a_submitter(server.url), target=target).submit(job) == "job-1"
    (request,) = server.requests
    body = json.loads(request.body)
    overrides = {
        "environment": [{"name": n, "value": v} for n, v in JOB.environment.items()],
        "resourceRequirements": [
            {"type": "VCPU", "value": "2"},
            {"type": "MEMORY", "value": "4096"},
        ],
    }
    ranges = [{"targetNodes": "0:", "containerOverrides": overrides}]
    expected = {"nodePropertyOverrides": ranges, **({"numNodes": count} if count else {})}
    assert body["nodeOverrides"] == expected
    assert "containerOverrides" not in body


def test_nodes_of_a_job_of_one_container_are_refused_without_a_request() -> None:
    with scripted() as server:
        with pytest.raises(SubmissionError, match="cannot have 3 nodes") as caught:
            a_submitter(server.url).submit(replace(JOB, nodes=3))
        assert "multi_node_parallel" in caught.value.remedy
    assert server.requests == []


def refusal(status: int, code: str, message: str) -> Reply:
    body = json.dumps({"message": message}).encode()
    return Reply(status=status, headers={"x-amzn-errortype": code}, body=body)


def test_an_array_job_has_its_size() -> None:
    job = JobRequest(name="resize-array-ab", environment={}, array_size=60)
    with scripted(TAKEN) as server:
        assert a_submitter(server.url).submit(job) == "job-1"
    assert json.loads(server.requests[0].body)["arrayProperties"] == {"size": 60}


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


def test_a_job_has_the_share_and_priority_of_its_function() -> None:
    with scripted(TAKEN, TAKEN) as server:
        shared = a_submitter(server.url)
        replace(shared, target=replace(TARGET, share="labA", priority=7)).submit(JOB)
        shared.submit(JOB)
    with_share, without = (json.loads(request.body) for request in server.requests)
    assert with_share.pop("shareIdentifier") == "labA"
    assert with_share.pop("schedulingPriorityOverride") == 7
    assert with_share == without


@pytest.mark.parametrize(
    "lost",
    [
        Close(),
        Reply(status=500),
        Reply(status=502, body=b"<html>Bad Gateway</html>"),
        refusal(503, "ServiceUnavailableException", "Wait."),
        Reply(status=504),
        Reply(only=0, body=b"x"),
        Reply(only=5, body=TAKEN.body),
    ],
)
def test_a_submission_that_may_have_arrived_is_not_repeated(lost: Step) -> None:
    with scripted(lost) as server:
        with pytest.raises(SubmissionUnanswered, match="not known") as caught:
            a_submitter(server.url).submit(JOB)
        assert len(server.requests) == 1
    assert "scar-0123" in caught.value.remedy


def test_a_submission_is_not_waited_for_until_lambda_ends_the_sandbox() -> None:
    begin = time.monotonic()
    with scripted(NoReply()) as server, pytest.raises(SubmissionUnanswered, match="timed out"):
        a_submitter(server.url).submit(JOB, until=time.time() + 1)
    assert time.monotonic() - begin < 20


def test_a_batch_that_cannot_be_reached_is_not_tried_again_after_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    slept: list[float] = []
    with pytest.raises(SubmissionUnanswered):
        a_submitter(f"http://127.0.0.1:{port}", slept.append).submit(JOB, until=time.time() - 1)
    assert slept == []


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
    with pytest.raises(SubmissionUnanswered, match=f"not reached.*127.0.0.1:{port}"):
        a_submitter(f"http://127.0.0.1:{port}", slept.append).submit(JOB)
    assert len(slept) == 2


def test_batchs_message_and_the_missing_permission_are_in_the_error() -> None:
    denied = refusal(403, "AccessDeniedException", "User x is not authorized")
    with scripted(denied) as server, pytest.raises(SubmissionError, match="not authorized") as no:
        a_submitter(server.url).submit(JOB)
    assert "batch:SubmitJob" in no.value.remedy
    assert not isinstance(no.value, SubmissionPending)  # it will not pass
    missing = refusal(400, "ClientException", "JobQueue scar-0123 not found")
    with (
        scripted(missing) as server,
        pytest.raises(SubmissionError, match="not found") as not_found,
    ):
        a_submitter(server.url).submit(JOB)
    assert "scar init" in not_found.value.remedy
    assert not isinstance(not_found.value, SubmissionPending)


def test_a_response_without_a_job_id_is_an_error() -> None:
    with (
        scripted(Reply(body=b"{}")) as server,
        pytest.raises(SubmissionUnanswered, match="no job id"),
    ):
        a_submitter(server.url).submit(JOB)


def test_half_an_environment_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="AWS_SECRET_ACCESS_KEY"):
        submitter.connect(TARGET, {"AWS_ACCESS_KEY_ID": "a", "AWS_REGION": "eu-west-1"})


def test_more_submissions_at_once_than_batch_takes_are_all_made_once() -> None:
    rate = RequestRate(per_second=50, burst=10, source="test")
    names = [f"resize-{number}" for number in range(60)]
    with rate_limited_batch(rate) as batch, ThreadPoolExecutor(60) as pool:

        def submit(name: str) -> str:
            own = submitter.connect(TARGET, batch.environment, log=Log("CRITICAL"))
            return own.submit(JobRequest(name=name, environment={}), until=time.time() + 300)

        ids = list(pool.map(submit, names))
    assert ids == [f"job-{name}" for name in names]
    assert batch.jobs == Counter(names)
    assert batch.refusals > 0


def test_a_submission_throttled_until_the_deadline_says_so_and_was_not_made() -> None:
    logged: list[bytes] = []
    none = RequestRate(per_second=0.0001, burst=0, source="test")
    with rate_limited_batch(none) as batch:
        own = submitter.connect(TARGET, batch.environment, log=Log(write=logged.append))
        with pytest.raises(SubmissionThrottled, match="TooManyRequestsException") as caught:
            own.submit(JOB, until=time.time() + 1)
    assert batch.jobs == {}
    assert batch.refusals >= 2
    assert "scar retry" in caught.value.remedy
    assert len(logged) == 1
    assert b"AWS Batch throttles requests; repeating for up to 1 s" in logged[0]


def test_a_throttled_query_of_a_job_is_repeated_and_then_named() -> None:
    throttled = refusal(429, "TooManyRequestsException", "slow down")
    ended = Reply(body=b'{"jobs": [{"status": "FAILED"}]}')
    with scripted(throttled, ended) as server:
        assert a_submitter(server.url).has_ended("job-1")
    with scripted(throttled) as server, pytest.raises(SubmissionThrottled, match="DescribeJobs"):
        a_submitter(server.url).has_ended("job-1", until=0.0)


OOM = "OutOfMemoryError: Container killed due to memory usage"


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({"exitCode": 137, "reason": OOM}, True),
        ({"exitCode": 1, "reason": OOM}, False),  # of another process than the supervisor
        ({"exitCode": 137}, False),
        ({}, False),
    ],
)
def test_the_reason_of_an_attempt_tells_whether_memory_was_exhausted(
    container: dict[str, object], expected: bool
) -> None:
    attempts = [{"container": container}, {"container": {"exitCode": 137, "reason": OOM}}]
    body = json.dumps({"jobs": [{"status": "RUNNING", "attempts": attempts}]}).encode()
    with scripted(Reply(body=body)) as server:
        assert a_submitter(server.url).was_out_of_memory("job-1", 1) is expected


@pytest.mark.parametrize("jobs", [[], [{"attempts": []}], [{}], [{"attempts": [None]}]])
def test_a_reason_that_is_not_known_is_an_error(jobs: list[object]) -> None:
    body = json.dumps({"jobs": jobs}).encode()
    with scripted(Reply(body=body)) as server, pytest.raises(SubmissionError, match="unknown"):
        a_submitter(server.url).was_out_of_memory("job-1", 1)


def test_an_unanswered_query_of_a_job_may_succeed_later_and_a_refused_one_not() -> None:
    with scripted(*[Close()] * 3) as server, pytest.raises(SubmissionUnanswered, match="answer"):
        a_submitter(server.url).has_ended("job-1")
    denied = refusal(403, "AccessDeniedException", "no")
    with scripted(denied) as server, pytest.raises(SubmissionError, match="403") as no:
        a_submitter(server.url).has_ended("job-1")
    assert not isinstance(no.value, SubmissionPending)


def test_an_answer_on_an_idle_connection_is_not_waited_for_after_the_deadline_either() -> None:
    ended = Reply(body=b'{"jobs": [{"status": "FAILED"}]}')
    with scripted(ended, NoReply()) as server:
        own = a_submitter(server.url)
        assert own.has_ended("job-1")
        begin = time.monotonic()
        with pytest.raises(SubmissionUnanswered, match="timed out"):
            own.has_ended("job-1", until=time.time())
        assert time.monotonic() - begin < 8
        assert [s.connection for s in server.requests] == [1, 1]


def test_without_a_deadline_a_throttled_submission_ends_all_the_same() -> None:
    time_ = [1000.0]

    def sleep(seconds: float) -> None:
        time_[0] += seconds

    def throttle(requests: list[ReceivedRequest]) -> Step:
        server.steps.append(throttle)
        return refusal(429, "TooManyRequestsException", str(len(requests)))

    with scripted(throttle) as server:
        environ = {
            "AWS_ENDPOINT_URL_BATCH": server.url,
            "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
        }
        own = submitter.connect(
            TARGET,
            environ,
            Backoff(sleep=sleep),
            clock=lambda: time_[0],
            log=Log("CRITICAL"),
        )
        with pytest.raises(SubmissionThrottled):
            own.submit(JOB)
        server.steps.clear()
    assert 1250 < time_[0] <= 1000 + submitter.THROTTLING_PATIENCE
