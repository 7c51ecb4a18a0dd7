"""Step 7: what scar tells, and repeats, when Lambda, a job or a host ends without warning."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.kit.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.acceptance.conftest import Deploy
    from tests.acceptance.kit.deployment import Deployment
    from tests.acceptance.kit.run import AcceptanceRun

pytestmark = pytest.mark.step(7)

STUBBORN = "trap '' TERM; while :; do sleep 1; done\n"
# One block of dd is held in memory; the shell that waits for it is small.
HOG = "dd if=/dev/zero of=/dev/null bs=1024M count=100000\n"
PERMISSION_ATTEMPTS = 24
LONG = (
    'if [ "$SCAR_ATTEMPT" -gt 1 ]; then echo again >"$TMP_OUTPUT_DIR/again"; else sleep 3600; fi\n'
)


def in_batch() -> dict[str, Any]:
    resources = {"type": "EC2", "max_v_cpus": 2}
    batch = {"vcpus": 1, "memory": 512, "attempts": 2, "compute_resources": resources}
    return {"execution_mode": "batch", "batch": batch}


def history_of(deployment: Deployment, name: str) -> dict[str, Any]:
    """Return the only run on an uploaded file, as ``scar why`` shows it."""
    url = f"s3://{deployment.functions[0]['input'][0]['path']}/{name}"
    (history,) = deployment.scar("why", url, "-j").json()
    found: dict[str, Any] = history
    return found


def test_lambdas_timeout_and_out_of_memory_are_failed_runs_with_a_cause(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]]
) -> None:
    # Lambda's timeout comes before the end of the grace period after SIGTERM.
    described = function(
        "dies", "dies", script="run_input.sh", timeout=8, container={"timeout_threshold": 1}
    )
    dies = deploy("dies", described)
    dies.init()
    dies.put(run.file("dies/stubborn.sh", STUBBORN), run.file("dies/hog.sh", HOG))
    dies.until(lambda: dies.states()["failed"] == 2)
    for name, words in (("stubborn.sh", ("time", "timed")), ("hog.sh", ("memory", "killed"))):
        history = history_of(dies, name)
        assert history["state"] == "failed"
        cause = f"{history['why']} {history['remedy']}".lower()
        run.observe(f"cause of {name}", history["why"])
        assert any(word in cause for word in words), cause
        assert "error" in history["records"]


def test_a_terminated_job_is_failed_and_not_repeated(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]]
) -> None:
    ended = deploy("ended", function("ended", "ended", script="run_input.sh", **in_batch()))
    ended.init(timeout=1800)
    ended.put(run.file("ended/long.sh", LONG))
    ended.until(lambda: ended.states()["running"] == 1, seconds=1200)
    (job,) = ended.jobs()
    run.target.client("batch").terminate_job(jobId=job["jobId"], reason="ended by hand")
    ended.until(lambda: ended.states()["running"] == 0, seconds=300)
    states = ended.states()
    assert states["failed"] + states["lost"] == 1, states
    history = history_of(ended, "long.sh")
    run.observe("cause of a terminated job", history["why"])
    assert "ended by hand" in json.dumps(history)
    assert len(ended.jobs()[0]["attempts"]) == 1


def test_a_job_whose_host_vanishes_is_repeated_on_another(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]]
) -> None:
    moved = deploy("moved", function("moved", "moved", script="run_input.sh", **in_batch()))
    moved.init(timeout=1800)
    moved.put(run.file("moved/long.sh", LONG))
    moved.until(lambda: moved.states()["running"] == 1, seconds=1200)
    run.target.kill_host(moved.jobs()[0])
    with run.timed("a job runs again after its host vanished"):
        moved.wait(timeout=3600)
    assert moved.get() == {"again": b"again\n"}
    (job,) = moved.jobs()
    run.observe("attempts of a moved job", [a.get("statusReason") for a in job["attempts"]])
    assert job["attempts"][0]["statusReason"].startswith("Host EC2")
    assert moved.states()["done"] == 1


@pytest.mark.parametrize("condition", ["RetriesExhausted", "EventAgeExceeded"])
def test_lambdas_invocation_record_has_the_fields_that_the_failure_handler_reads(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]], condition: str
) -> None:
    """The record goes to a queue instead of the failure handler, and is saved as an example."""
    is_old = condition == "EventAgeExceeded"
    # An event that waits behind a long invocation is dropped after its maximum age. (With a
    # concurrency of 0 Lambda sends events to the destination at once.)
    limits = {"concurrency": 1, "timeout": 300} if is_old else {}
    name = condition.lower()
    recorded = deploy(name, function(name, name, script="run_input.sh", **limits))
    recorded.init()
    if is_old:
        recorded.put(run.file("recorded/long.sh", "sleep 200\n"))
        recorded.until(lambda: recorded.states()["lambda"] == 1)
    with run.timed(f"a record with the condition {condition}"):
        record = record_of_a_failure(run, recorded, 60 if is_old else 21_600)
    run.observe(f"invocation record {condition}", shape(record))
    saved = json.dumps(redact(record), indent=2)
    run.file(f"invocation-record-{condition}.json", saved)
    assert record["requestContext"]["condition"] == condition
    function_name = recorded.functions[0]["name"]
    assert record["requestContext"]["functionArn"].split(":")[6] == function_name
    assert record["requestPayload"]["Records"][0]["s3"]["object"]["key"].endswith("exit.sh")
    assert is_old or record["responsePayload"]["errorType"]


def record_of_a_failure(run: AcceptanceRun, recorded: Deployment, max_age: int) -> dict[str, Any]:
    """Upload a script that ends the supervisor; return Lambda's record of the failed event."""
    sqs, name = run.target.client("sqs"), recorded.functions[0]["name"]
    url = sqs.create_queue(QueueName=f"{name}-records")["QueueUrl"]
    run.journal.append("queue", name=url)
    try:
        send_records(run, name, url, max_age)
        recorded.put(run.file("recorded/exit.sh", "kill -9 $PPID; sleep 5\n"))
        messages = recorded.until(lambda: receive(sqs, url))
        record: dict[str, Any] = json.loads(messages[0]["Body"])
        return record
    finally:
        sqs.delete_queue(QueueUrl=url)
        run.journal.append("queue deleted", name=url)


def send_records(run: AcceptanceRun, function: str, queue: str, max_age: int) -> None:
    """Make the queue the function's on-failure destination, which its role must allow."""
    attributes = run.target.client("sqs").get_queue_attributes(
        QueueUrl=queue, AttributeNames=["QueueArn"]
    )
    arn, client = attributes["Attributes"]["QueueArn"], run.target.client("lambda")
    role = client.get_function(FunctionName=function)["Configuration"]["Role"]
    statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn}
    run.target.client("iam").put_role_policy(
        RoleName=role.rpartition("/")[2],
        PolicyName="records",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    for attempt in range(PERMISSION_ATTEMPTS):
        try:
            client.put_function_event_invoke_config(
                FunctionName=function,
                MaximumRetryAttempts=0,
                MaximumEventAgeInSeconds=max_age,
                DestinationConfig={"OnFailure": {"Destination": arn}},
            )
            return
        except client.exceptions.InvalidParameterValueException:
            # The role's new policy has not spread yet.
            if attempt == PERMISSION_ATTEMPTS - 1:
                raise
            time.sleep(5)


def receive(sqs: Any, url: str) -> list[dict[str, Any]]:  # noqa: ANN401 - an SDK client
    messages: list[dict[str, Any]] = sqs.receive_message(QueueUrl=url).get("Messages", [])
    return messages


def shape(value: object) -> object:
    """Return the JSON value with the name of each value's type in place of the value."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return type(value).__name__
