"""Functions that start each other in a loop: Lambda's detection, or the limit of scar, ends it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.local_cloud import BUCKET, STATE, a_local_cloud, function
from tests.fakes.script_fault_tests import IN_BATCH
from tests.functional.local_cloud.test_runs import scar
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess

# A new object for each run: where runs of one object overlap, nothing tells which of them failed.
COPY_TO_NEW = 'cp "$INPUT_FILE_PATH" "$TMP_OUTPUT_DIR/again-$SCAR_RUN_ID"'


def loop(name: str, other: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - FDL's keys
    """Return a function whose outputs start another one."""
    return function(name, output=[{"path": f"{BUCKET}/in/{other}"}], allow_loop=True, **more)


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloudProcess]:
    yield from a_local_cloud(
        "process",
        loop("stopped1", "stopped2"),
        loop("stopped2", "stopped1"),
        loop("allowed1", "allowed2"),
        loop("allowed2", "allowed1"),
        loop("jobs", "jobs", execution_mode="batch", batch=IN_BATCH),
    )


def stop_loops(cloud: LocalCloudProcess, *names: str) -> None:
    """Let Lambda stop loops of these functions: `scar init` would refuse to deploy them so."""
    for name in names:
        cloud.client("lambda").put_function_recursion_config(
            FunctionName=name, RecursiveLoop="Terminate"
        )


def finished(cloud: LocalCloudProcess, name: str, record: str) -> list[str]:
    return [k for k in cloud.keys(f"runs/{name}/", STATE) if k.endswith(f"/{record}.json")]


def failure(cloud: LocalCloudProcess, *names: str) -> dict[str, Any]:
    """Wait until one run of these functions has failed; return its record."""
    (key,) = until(lambda: [k for name in names for k in finished(cloud, name, "error")])
    found: dict[str, Any] = json.loads(cloud.read(key, STATE))
    return found


def test_lambda_stops_a_loop_after_sixteen_turns(cloud: LocalCloudProcess) -> None:
    stop_loops(cloud, "stopped1", "stopped2")
    cloud.put("stopped1", COPY_TO_NEW)
    error = failure(cloud, "stopped1", "stopped2")
    assert error["kind"] == "EventDiscarded"
    assert "RecursiveInvocationException" in error["problem"]
    assert [len(finished(cloud, name, "done")) for name in ("stopped1", "stopped2")] == [16, 16]
    (key,) = [k for n in ("stopped1", "stopped2") for k in finished(cloud, n, "error")]
    history = scar(cloud, "why", key.split("/")[3])
    assert "recursive loop" in history
    assert "allow_loop: true" in history
    counts = json.loads(scar(cloud, "status", "-n", key.split("/")[1], "-j"))["functions"][0]
    assert (counts["done"], counts["failed"]) == (16, 1)
    assert json.loads(scar(cloud, "local", "status", "-j"))["lambda"]["recursive_dropped"] >= 1


def test_an_allowed_loop_ends_at_the_limit_of_a_chain(cloud: LocalCloudProcess) -> None:
    cloud.put("allowed1", COPY_TO_NEW)
    error = failure(cloud, "allowed1", "allowed2")
    assert error["kind"] == "ChainTooLong"
    assert [len(finished(cloud, name, "done")) for name in ("allowed1", "allowed2")] == [16, 16]


def test_a_loop_through_batch_is_stopped_too(cloud: LocalCloudProcess) -> None:
    stop_loops(cloud, "jobs")
    cloud.put("jobs", COPY_TO_NEW)
    error = failure(cloud, "jobs")
    assert "RecursiveInvocationException" in error["problem"]
    assert len(finished(cloud, "jobs", "done")) == 16
