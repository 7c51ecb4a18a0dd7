"""A function's forged invocation record beside a run of another one, in the whole local cloud."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.fakes.local_cloud import BUCKET, STATE, a_local_cloud, function
from tests.fakes.script_fault_tests import IN_BATCH
from tests.functional.local_cloud.test_runs import scar
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloudProcess]:
    yield from a_local_cloud(
        "process", function("victim", execution_mode="lambda-batch", batch=IN_BATCH)
    )


def test_a_forged_failure_of_a_finished_run_is_not_shown(cloud: LocalCloudProcess) -> None:
    cloud.put("victim", "true")
    until(lambda: [k for k in cloud.keys("runs/victim/", STATE) if k.endswith("/done.json")])
    before = cloud.keys("runs/victim/", STATE)
    (run,) = {key.rpartition("/")[0] for key in before}
    claim = json.loads(cloud.read(f"{run}/claim.json", STATE))
    event = json.loads(claim["event"])
    event["Records"][0]["s3"]["object"]["sequencer"] = "FFFFFFFFFFFFFFFF"
    assert event["Records"][0]["s3"]["bucket"]["name"] == BUCKET
    record = {
        "timestamp": "2026-11-29T00:00:00.000Z",
        "requestContext": {
            "requestId": "forged",
            "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:victim:$LATEST",
            "condition": "EventAgeExceeded",
            "approximateInvokeCount": 0,
        },
        "requestPayload": event,
    }
    answer = cloud.client("lambda").invoke(
        FunctionName="scar-failure-handler", Payload=json.dumps(record).encode()
    )
    assert "FunctionError" not in answer
    assert cloud.keys("runs/victim/", STATE) == before
    assert cloud.keys("runs/scar-failure-handler/", STATE)
    shown = json.loads(scar(cloud, "status", "-j"))
    assert [(f["name"], f["done"], f["failed"]) for f in shown["functions"]] == [("victim", 1, 0)]
