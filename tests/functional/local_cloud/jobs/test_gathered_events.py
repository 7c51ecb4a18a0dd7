"""Events of many uploads become a few array jobs, also after a restart, against a local cloud."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.local_cloud import BUCKET, STATE, a_local_cloud, function
from tests.fakes.script_fault_tests import IN_BATCH
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess

PREFIX = "scar-events-"


def gathering(name: str, window: int = 3, size: int = 10_000, **more: object) -> dict[str, Any]:
    batch = {**IN_BATCH, "array": {"window": window, "size": size}, **more}
    return function(name, execution_mode="batch", timeout=60, batch=batch)


# Tests run in any order: each has a function of its own.
FUNCTIONS = (
    gathering("flood"),
    gathering("restart"),
    gathering("single", window=1),
    gathering("twice", window=1),
    gathering("poison", window=1),
    gathering("sizes", overrides=[{"match": {"suffix": ["5.sh", "6.sh"]}, "memory": 200}]),
    gathering("direct", window=1),
)


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloudProcess]:
    yield from a_local_cloud("process", *FUNCTIONS)


def queue_url(cloud: LocalCloudProcess, name: str) -> str:
    url: str = cloud.client("sqs").get_queue_url(QueueName=f"{PREFIX}{name}")["QueueUrl"]
    return url


def waiting(cloud: LocalCloudProcess, name: str) -> int:
    """Return the number of events in the queue, those in flight included."""
    found = cloud.client("sqs").get_queue_attributes(
        QueueUrl=queue_url(cloud, name), AttributeNames=["All"]
    )["Attributes"]
    return int(found["ApproximateNumberOfMessages"]) + int(
        found["ApproximateNumberOfMessagesNotVisible"]
    )


def upload(cloud: LocalCloudProcess, name: str, count: int, start: int = 0) -> None:
    s3 = cloud.client("s3")

    def put(number: int) -> None:
        body = f'echo {number} >"$TMP_OUTPUT_DIR/{number}"'
        s3.put_object(Bucket=BUCKET, Key=f"in/{name}/{number:04}.sh", Body=body)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(start, start + count)))


def arrays(cloud: LocalCloudProcess, name: str) -> list[int]:
    """Return the number of children of each array that was submitted."""
    keys = cloud.keys(f"runs/{name}/arrays/", STATE)
    return [int(key.rpartition(".")[2]) for key in keys if "/job-" in key]


def test_uploads_become_array_jobs_and_every_file_is_processed_once(
    cloud: LocalCloudProcess,
) -> None:
    upload(cloud, "flood", 25)
    until(lambda: len(cloud.keys("out/flood/")) == 25)
    # The batches depend on the window only: far fewer submissions than files, no file twice.
    assert sum(arrays(cloud, "flood")) + len(cloud.jobs("flood", "in")) >= 25
    assert len(cloud.jobs("flood")) <= 6
    assert sorted(cloud.keys("out/flood/")) == sorted(f"out/flood/{n}" for n in range(25))
    until(lambda: waiting(cloud, "flood") == 0)


def test_files_of_different_sizes_are_jobs_of_different_sizes(cloud: LocalCloudProcess) -> None:
    upload(cloud, "sizes", 20)
    until(lambda: len(cloud.keys("out/sizes/")) == 20)
    sizes = {False: 0, True: 0}
    for job in cloud.jobs("sizes"):
        needs = job["container"]["resourceRequirements"]
        is_large = {"type": "MEMORY", "value": "200"} in needs
        sizes[is_large] += job.get("arrayProperties", {}).get("size", 1)
    assert sizes == {False: 16, True: 4}


def test_a_single_upload_is_an_ordinary_job(cloud: LocalCloudProcess) -> None:
    upload(cloud, "single", 1)
    until(lambda: cloud.keys("out/single/") == ["out/single/0"])
    assert arrays(cloud, "single") == []
    assert len(cloud.jobs("single")) == 1


def test_an_event_that_is_delivered_twice_starts_its_run_once(cloud: LocalCloudProcess) -> None:
    sqs, url = cloud.client("sqs"), queue_url(cloud, "twice")
    upload(cloud, "twice", 1)
    until(lambda: cloud.keys("out/twice/") == ["out/twice/0"])
    before = len(cloud.jobs("twice"))
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "eventTime": "2026-11-29T00:00:00.000Z",
        "s3": {
            "bucket": {"name": BUCKET},
            "object": {"key": "in/twice/0000.sh", "sequencer": "A"},
        },
    }
    for _ in range(3):
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"Records": [record]}))
    until(lambda: waiting(cloud, "twice") == 0)
    assert len(cloud.jobs("twice")) == before + 1


def test_a_message_that_cannot_be_read_is_recorded_and_does_not_stop_others(
    cloud: LocalCloudProcess,
) -> None:
    sqs, url = cloud.client("sqs"), queue_url(cloud, "poison")
    sent = sqs.send_message(QueueUrl=url, MessageBody='{"Records": [{"eventSource": "aws:x"}]}')
    upload(cloud, "poison", 2)
    until(lambda: len(cloud.keys("out/poison/")) == 2)
    (error,) = [k for k in cloud.keys("runs/poison/2", STATE) if k.endswith("error.json")]
    assert sent["MessageId"] in error
    until(lambda: waiting(cloud, "poison") == 0)


def test_events_survive_a_restart(cloud: LocalCloudProcess) -> None:
    sources = cloud.client("lambda").list_event_source_mappings(FunctionName="restart")
    (source,) = sources["EventSourceMappings"]
    until(lambda: waiting(cloud, "restart") == 0)  # S3 has sent test events
    cloud.client("lambda").update_event_source_mapping(UUID=source["UUID"], Enabled=False)
    upload(cloud, "restart", 5)
    until(lambda: waiting(cloud, "restart") == 5)
    # What a killed server has received returns after minutes, of other tests' functions too.
    others = [f["lambda"]["name"] for f in FUNCTIONS if f["lambda"]["name"] != "restart"]
    until(lambda: not any(waiting(cloud, name) for name in others))
    cloud.kill()
    cloud.start_again()
    # Those whose delivery was not recorded before the kill are delivered again.
    assert waiting(cloud, "restart") >= 5
    cloud.client("lambda").update_event_source_mapping(UUID=source["UUID"], Enabled=True)
    until(lambda: len(cloud.keys("out/restart/")) == 5)
    until(lambda: waiting(cloud, "restart") == 0)
    assert sum(arrays(cloud, "restart")) <= 5  # each file is processed once


def test_a_second_deployment_changes_nothing(cloud: LocalCloudProcess) -> None:
    assert not cloud.deploy(*FUNCTIONS)


def test_events_that_wait_are_processed_when_they_are_not_gathered_any_more(
    cloud: LocalCloudProcess,
) -> None:
    lambda_ = cloud.client("lambda")
    (source,) = lambda_.list_event_source_mappings(FunctionName="direct")["EventSourceMappings"]
    until(lambda: waiting(cloud, "direct") == 0)  # S3 has sent test events
    lambda_.update_event_source_mapping(UUID=source["UUID"], Enabled=False)
    upload(cloud, "direct", 1, start=200)
    until(lambda: waiting(cloud, "direct") == 1)
    direct = function("direct", execution_mode="batch", timeout=60, batch=IN_BATCH)
    others = FUNCTIONS[:-1]
    plan = cloud.deploy(direct, *others)
    assert "stays until its events are processed" in str(plan)
    upload(cloud, "direct", 1, start=201)
    until(lambda: "out/direct/201" in cloud.keys("out/direct/"))
    lambda_.update_event_source_mapping(UUID=source["UUID"], Enabled=True)
    until(lambda: "out/direct/200" in cloud.keys("out/direct/"))
    until(lambda: waiting(cloud, "direct") == 0)
    deleted = str(cloud.deploy(direct, *others))
    assert "- event-queue scar-events-direct" in deleted
    assert "- event-source direct" in deleted
    assert not cloud.deploy(direct, *others)
    cloud.deploy(*FUNCTIONS)  # As the other tests expect it.
