"""A flood of uploads becomes a few array jobs, whatever happens to the local cloud meanwhile.

200 uploads, which take half a minute; 1,000 with SCAR_PROOF=1.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.fakes.local_cloud import BUCKET, STATE, a_local_cloud
from tests.functional.local_cloud.jobs.test_arrays import upload
from tests.functional.local_cloud.jobs.test_gathered_events import gathering, queue_url, waiting
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess

FILES = 1_000 if os.environ.get("SCAR_PROOF") else 200
# A batch ends with the window, or at 6 MB, which are about 4,000 messages. A slow machine uploads
# for longer than a window.
MOST_SUBMISSIONS = 10
NAME = "flood"
OUTPUTS = f"out/{NAME}/"
pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloudProcess]:
    yield from a_local_cloud("process", gathering(NAME, window=3))


def test_every_upload_of_a_flood_is_processed_once_in_spite_of_restarts_and_duplicates(
    cloud: LocalCloudProcess,
) -> None:
    # Each execution of a script has another output: a second write of an object would be seen.
    random = "cat /proc/sys/kernel/random/uuid"
    upload(cloud, f"in/{NAME}", [f'{random} >"$TMP_OUTPUT_DIR/{n}"' for n in range(FILES)])
    first = wait_for_outputs(cloud, FILES // 10)
    deliver_again(cloud)
    wait_for_outputs(cloud, FILES // 3)
    cloud.kill()
    cloud.start_again()
    second = wait_for_outputs(cloud, 2 * FILES // 3)
    cloud.control.stop()
    cloud.start_again()
    last = wait_for_outputs(cloud, FILES)
    until(lambda: waiting(cloud, NAME) == 0)
    until(lambda: {job["status"] for job in cloud.jobs(NAME)} == {"SUCCEEDED"})
    assert read_outputs(cloud) == last
    assert last.keys() == {f"{OUTPUTS}{n}" for n in range(FILES)}
    assert last.items() > second.items() > first.items()
    records = Counter(key.rpartition("/")[2] for key in cloud.keys(f"runs/{NAME}/2", STATE))
    assert (records["claim.json"], records["done.json"]) == (FILES, FILES)
    # Two events came twice, and each upload can only be in one job more for each restart.
    submitted = sum(j.get("arrayProperties", {}).get("size", 1) for j in cloud.jobs(NAME))
    assert FILES + 2 <= submitted <= 2 * FILES
    assert len(cloud.jobs(NAME)) <= MOST_SUBMISSIONS


def read_outputs(cloud: LocalCloudProcess) -> dict[str, str]:
    """Return the ETag of each output."""
    pages = cloud.client("s3").get_paginator("list_objects_v2")
    found = pages.paginate(Bucket=BUCKET, Prefix=OUTPUTS)
    items = (item for page in found for item in page.get("Contents", []))
    return {item["Key"]: item["ETag"] for item in items if item["Key"] != OUTPUTS}


def wait_for_outputs(cloud: LocalCloudProcess, number: int) -> dict[str, str]:
    """Wait for so many outputs and return all; the time of one until() is for 100 of them."""

    found: dict[str, str] = {}
    while len(found) < number:
        until(partial(has_outputs, cloud, min(number, len(found) + 100)))
        found = read_outputs(cloud)
    return found


def has_outputs(cloud: LocalCloudProcess, number: int) -> bool:
    return len(read_outputs(cloud)) >= number


def deliver_again(cloud: LocalCloudProcess) -> None:
    """Send two events of the first array once more, as S3 and SQS may do.

    The run of one has ended or is in progress, that of the other has not begun.
    """
    keys = cloud.keys(f"runs/{NAME}/arrays/", STATE)
    lines = cloud.read(next(key for key in keys if key.endswith("/manifest")), STATE).splitlines()
    for line in (lines[0], lines[-1]):
        event = json.dumps(json.loads(line))
        cloud.client("sqs").send_message(QueueUrl=queue_url(cloud, NAME), MessageBody=event)
