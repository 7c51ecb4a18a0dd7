"""Waits inside API calls: which errors are repeated, for how long, and what is shown."""

from __future__ import annotations

import json
import signal
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.client.call_waits import THROTTLING_PATIENCE, CallWaits
from scar.aws.client.connection import AwsConnection, client_config
from scar.aws.client.errors import to_scar_error
from scar.aws.client.throttling import THROTTLING_CODES
from scar.aws.client.waiter import CancelToken, WaitCancelledError
from tests.virtual_time import VirtualTime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.config import Config

    from scar.aws.client.connection import ServiceName


class _Body:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.content


@dataclass
class FakeService:
    """Responds to the requests of a client: with the errors, the last one for ever, then 200."""

    errors: list[dict[str, Any]] = field(default_factory=list)
    status: int = 400
    repeats_last: bool = False
    requests: int = 0

    def respond(self, **_: object) -> AWSResponse:
        self.requests += 1
        headers = HTTPHeaders()
        headers["x-amzn-requestid"] = "r-1"
        if not self.errors:
            return AWSResponse("https://aws", 200, headers, _Body(b"{}"))
        error = self.errors[0] if self.repeats_last else self.errors.pop(0)
        headers["x-amzn-errortype"] = error["__type"]
        if "retry-after" in error:
            headers["Retry-After"] = error["retry-after"]
        body = json.dumps(error).encode()
        return AWSResponse("https://aws", self.status, headers, _Body(body))


@dataclass
class Setup:
    connection: AwsConnection
    virtual: VirtualTime
    reported: list[str]

    def serve(self, service: ServiceName, fake: FakeService) -> Any:  # noqa: ANN401
        client: Any = self.connection.client(service)
        client.meta.events.register_first(
            f"before-send.{client.meta.service_model.service_id.hyphenize()}", fake.respond
        )
        return client


@pytest.fixture
def setup() -> Setup:
    return new_setup()


def new_setup() -> Setup:
    virtual, reported = VirtualTime(), list[str]()
    session = boto3.Session("a", "b", region_name="eu-west-1")
    connection = AwsConnection(session=session, waits=virtual.waits())
    connection.waits.report = reported.append
    return Setup(connection, virtual, reported)


def error(code: str, message: str = "Rate exceeded", **fields: str) -> dict[str, Any]:
    return {"__type": code, "message": message, **fields}


def submit(client: Any) -> None:  # noqa: ANN401
    client.submit_job(jobName="j", jobQueue="q", jobDefinition="d")


@pytest.mark.parametrize("code", sorted(THROTTLING_CODES - {"429"}))
def test_a_throttled_call_is_repeated_more_often_than_the_sdk_does(setup: Setup, code: str) -> None:
    fake = FakeService([error(code)] * 12)
    submit(setup.serve("batch", fake))
    assert fake.requests == 13
    assert "SubmitJob" in setup.reported[0]
    assert f"AWS throttles the requests ({code}); waiting, at most 5 min" in setup.reported[0]


def test_throttling_is_recognized_by_its_message(setup: Setup) -> None:
    """Batch passes on errors of other services under its own code."""
    message = "Error executing request, Exception : Rate exceeded, RequestId: 1"
    fake = FakeService([error("ClientException", message)] * 6)
    submit(setup.serve("batch", fake))
    assert fake.requests == 7


def test_a_throttled_call_ends_after_five_minutes_with_a_remedy(setup: Setup) -> None:
    fake = FakeService([error("ThrottlingException")], repeats_last=True)
    with pytest.raises(ClientError) as caught:
        submit(setup.serve("batch", fake))
    assert setup.virtual.now == pytest.approx(THROTTLING_PATIENCE)
    assert max(setup.virtual.slept) == 20
    shown = to_scar_error(caught.value, "submit the job")
    assert "ThrottlingException" in shown.problem
    assert "for 300 s" in shown.problem
    assert "request rate" in shown.remedy
    assert 2 <= len(setup.reported) <= 12  # one line at once, then one each half minute


def test_short_waits_are_not_reported(setup: Setup) -> None:
    submit(setup.serve("batch", FakeService([error("ThrottlingException")] * 2)))
    assert setup.reported == []


def test_an_error_that_is_no_throttling_is_raised_at_once(setup: Setup) -> None:
    fake = FakeService([error("ClientException", "no such queue")])
    with pytest.raises(ClientError):
        submit(setup.serve("batch", fake))
    assert fake.requests == 1


@pytest.mark.parametrize(
    ("reason", "requests"),
    [
        ("CallerRateLimitExceeded", 4),
        ("FunctionInvocationRateLimitExceeded", 4),
        ("ReservedFunctionInvocationRateLimitExceeded", 4),
        ("ConcurrentInvocationLimitExceeded", 1),
        ("ReservedFunctionConcurrentInvocationLimitExceeded", 1),
        ("ConcurrentSnapshotCreateLimitExceeded", 1),
        ("", 1),
    ],
)
def test_an_invocation_is_repeated_only_if_the_rate_of_requests_was_too_high(
    setup: Setup, reason: str, requests: int
) -> None:
    fake = FakeService([error("TooManyRequestsException", Reason=reason)] * 3, status=429)
    client: Any = setup.connection.session.client("lambda", config=no_retries())
    setup.connection.waits.attach(client)
    client.meta.events.register_first("before-send.lambda", fake.respond)
    try:
        client.invoke(FunctionName="crop")
    except ClientError:
        assert requests == 1
    assert fake.requests == requests


def no_retries() -> Config:
    return client_config(retries={"mode": "standard", "total_max_attempts": 1})


def test_the_wait_that_aws_asks_for_is_kept(setup: Setup) -> None:
    fake = FakeService([error("TooManyRequestsException", **{"retry-after": "7"})], status=429)
    setup.serve("lambda", fake).list_functions()
    assert setup.virtual.slept == [7.0]


def test_a_job_is_not_submitted_again_after_an_unknown_outcome(setup: Setup) -> None:
    """The first submission may have succeeded."""
    fake = FakeService([error("ServerException", "internal error")] * 9, status=500)
    with pytest.raises(ClientError):
        submit(setup.serve("batch", fake))
    assert fake.requests == 1


def test_a_server_error_after_many_repetitions_is_still_repeated(setup: Setup) -> None:
    """botocore counts all attempts of a call together and would give up."""
    fake = FakeService([error("ThrottlingException")] * 8)
    client = setup.serve("lambda", fake)
    failures = [500, 502]

    def fail_late(**_: object) -> AWSResponse | None:
        if fake.errors or not failures:
            return None
        return AWSResponse("https://aws", failures.pop(), HTTPHeaders(), _Body(b"{}"))

    client.meta.events.register_first("before-send.lambda.ListFunctions", fail_late)
    client.list_functions()
    assert failures == []


def test_a_read_is_still_repeated_by_the_sdk(setup: Setup) -> None:
    fake = FakeService([error("ServiceException", "internal error")], status=500)
    setup.serve("lambda", fake).list_functions()
    assert fake.requests == 2


def test_requests_keep_to_the_rate_of_their_service(setup: Setup) -> None:
    fake = FakeService()
    client = setup.serve("lambda", fake)
    for _ in range(60):
        client.get_policy(FunctionName="crop")
    assert setup.virtual.now == pytest.approx(45 / 15)
    for _ in range(60):
        client.invoke(FunctionName="crop")  # no rate of the control plane
    assert setup.virtual.now == pytest.approx(45 / 15)


def test_dozens_of_secrets_are_stored_at_the_rate_of_parameter_store(setup: Setup) -> None:
    fake = FakeService()
    client = setup.serve("ssm", fake)
    threads = [
        threading.Thread(target=client.put_parameter, kwargs={"Name": "/p", "Value": "x"})
        for _ in range(63)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fake.requests == 63
    assert setup.virtual.now >= (63 - 3) / 3 - 0.1


def test_all_threads_and_repetitions_share_the_rate(setup: Setup) -> None:
    fake = FakeService([error("TooManyRequestsException")] * 10, status=429)
    client = setup.serve("lambda", fake)
    threads = [
        threading.Thread(target=lambda: [client.list_functions() for _ in range(20)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fake.requests == 170
    assert setup.virtual.now >= (170 - 15) / 15 - 0.1


def test_a_long_wait_for_the_rate_is_shown_once(setup: Setup) -> None:
    waits = setup.connection.waits
    client = setup.serve("lambda", FakeService())
    for _ in range(100):
        waits.limiter.reserve("lambda", "ListFunctions", setup.virtual.now)
    client.list_functions()
    client.list_functions()
    (line,) = setup.reported
    assert "15 requests a second" in line
    assert "lambda ListFunctions" in line


def test_cancelling_ends_the_waits_of_all_threads() -> None:
    token = CancelToken()
    session = boto3.Session("a", "b", region_name="eu-west-1")
    waits = CallWaits(cancel_token=token, jitter=lambda longest: longest * 600)
    connection = AwsConnection(session=session, waits=waits)
    fake = FakeService([error("ThrottlingException")], repeats_last=True)
    client = Setup(connection, VirtualTime(), []).serve("batch", fake)
    raised: list[BaseException] = []

    def call() -> None:
        try:
            submit(client)
        except WaitCancelledError as cancelled:
            raised.append(cancelled)

    thread = threading.Thread(target=call)
    thread.start()
    while not fake.requests:
        time.sleep(0.01)
    token.cancel()
    thread.join(30)
    assert len(raised) == 1


def test_ctrl_c_interrupts_a_wait_in_the_main_thread() -> None:
    token = CancelToken()
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Timer(0.1, signal.raise_signal, [signal.SIGINT]).start()
        with pytest.raises(KeyboardInterrupt):
            token.sleep(600)
    finally:
        signal.signal(signal.SIGINT, previous)


def test_a_race_is_waited_for_only_after_a_change_by_this_process(setup: Setup) -> None:
    recent = setup.connection.recent_changes
    assert not recent.is_recent("role", "r")
    recent.record_call("iam", "CreateRole", {"RoleName": "r"})
    assert recent.is_recent("role", "r")
    assert not recent.is_recent("role", "s")
    assert recent.is_any_recent_in("role", "arn:aws:iam::1:role/scar/r")
    assert not recent.is_any_recent_in("role", "arn:aws:iam::1:role/scar/rr")
    setup.virtual.sleep(301)
    assert not recent.is_recent("role", "r")
    recent.record_call("iam", "CreateRole", {"RoleName": "r"})
    recent.record_call("iam", "DeleteRole", {"RoleName": "r"})
    assert not recent.is_recent("role")


NAMES = st.text("abz019-_.", min_size=1, max_size=12)


@given(NAMES, NAMES)
def test_a_request_refers_to_a_resource_by_its_whole_name(name: str, other: str) -> None:
    recent = VirtualTime().waits().recent_changes
    recent.record("role", name)
    arn = f"arn:aws:iam::123456789012:role/scar/{other}"
    nested = {"computeResources": {"instanceRole": arn, "subnets": ["s"]}}
    for value in (other, arn, nested, [arn]):
        assert recent.is_any_recent_in("role", value) == (name == other)


@given(
    codes=st.lists(st.sampled_from(["ThrottlingException", "SlowDown", "429"]), max_size=40),
    fractions=st.lists(st.floats(0, 1), min_size=1, max_size=40),
)
def test_every_call_ends_within_its_patience(codes: list[str], fractions: list[float]) -> None:
    """With any jitter, the waits of one call take at most five minutes."""
    setup, left = new_setup(), iter(fractions * 40)
    setup.connection.waits.jitter = lambda longest: longest * next(left)
    fake = FakeService([error(code) for code in codes])
    try:
        submit(setup.serve("batch", fake))
    except ClientError:
        assert setup.virtual.now == pytest.approx(THROTTLING_PATIENCE)
    assert setup.virtual.now <= THROTTLING_PATIENCE + 0.01


def test_a_lost_connection_is_not_a_race(setup: Setup) -> None:
    client: Any = setup.connection.client("batch")

    def fail(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://aws")

    client.meta.events.register_first("before-send.batch", fail)
    with pytest.raises(EndpointConnectionError):
        submit(client)
    assert setup.virtual.slept == []
