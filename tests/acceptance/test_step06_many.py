"""Step 6: thousands of files in mode batch, alone and in arrays, and a job that prints a lot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.acceptance.conftest import Deploy
    from tests.acceptance.kit.run import AcceptanceRun

pytestmark = pytest.mark.step(6)
LINE = 1000  # bytes
CHILDREN = 20


def on_fargate(max_v_cpus: int) -> dict[str, Any]:
    resources = {"type": "FARGATE", "max_v_cpus": max_v_cpus}
    batch = {"vcpus": 0.25, "memory": 512, "compute_resources": resources}
    return {"execution_mode": "batch", "batch": batch}


def test_every_file_is_submitted_and_processed(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]]
) -> None:
    many = deploy("many", function("many", "many", **on_fargate(16)))
    many.init(timeout=1800)
    count = run.settings.files
    for number in range(count):
        run.file(f"many/{number:05}.txt", f"{number:05}" * 200)
    many.put(run.settings.folder / "files" / "many")
    many.wait(status=0, timeout=3 * 3600)
    states = many.states()
    run.observe("states after many files", states)
    assert states == {**dict.fromkeys(states, 0), "done": count}
    outputs = many.get()
    assert len(outputs) == count
    assert all(data == name.partition(".")[0].encode() * 200 for name, data in outputs.items())


def test_a_folder_is_one_array_job(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]]
) -> None:
    array = deploy("array", function("array", "array", **on_fargate(4)))
    array.init(timeout=1800)
    bucket = str(array.functions[0]["input"][0]["path"]).partition("/")[0]
    client = run.target.client("s3")
    for number in range(CHILDREN):  # a folder that starts no function
        client.put_object(Bucket=bucket, Key=f"archive/{number:02}.txt", Body=f"{number:02}")
    name = array.functions[0]["name"]
    submitted = array.scar(
        "run", "-n", name, "--array", "-ib", f"{bucket}/archive", "-j", timeout=600
    ).json()
    assert [each["children"] for each in submitted["arrays"]] == [CHILDREN]
    array.wait(status=0, timeout=3600)
    assert array.states()["done"] == CHILDREN
    (job,) = array.jobs()
    summary = job["arrayProperties"]["statusSummary"]
    run.observe("array", {"status": job["status"], "summary": summary})
    assert (job["status"], summary["SUCCEEDED"]) == ("SUCCEEDED", CHILDREN)


def test_events_of_a_flood_become_few_jobs(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]]
) -> None:
    keys = on_fargate(4)
    keys["batch"]["array"] = {"window": 5}
    flood = deploy("flood", function("flood", "flood", **keys))
    flood.init(timeout=1800)
    for number in range(CHILDREN):
        run.file(f"flood/{number:02}.txt", f"{number:02}")
    flood.put(run.settings.folder / "files" / "flood")
    flood.wait(status=0, timeout=3600)
    outputs = flood.get()
    run.observe("jobs of a flood", {"files": CHILDREN, "jobs": len(flood.jobs())})
    assert len(outputs) == CHILDREN
    assert len(flood.jobs()) < CHILDREN


def test_no_line_of_a_job_is_lost(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]]
) -> None:
    loud = deploy("loud", function("loud", "loud", script="run_input.sh", **on_fargate(4)))
    loud.init(timeout=1800)
    lines = run.settings.log_mb * 1_000_000 // LINE
    text = "x" * (LINE - 10)
    loud.put(
        run.file(
            "loud/loud.sh",
            f'i=0; while [ $i -lt {lines} ]; do i=$((i+1)); echo "$i {text}"; done; echo the end\n',
        )
    )
    loud.wait(timeout=1800)
    loud.until(lambda: "the end" in last_lines(run, loud.functions[0]["name"]), seconds=300)
    found = count_lines(run, loud.functions[0]["name"], text)
    run.observe("log lines", {"written": lines, "stored": found})
    assert found == lines


def last_lines(run: AcceptanceRun, function: str) -> str:
    """Return the end of the newest log stream of the function's jobs."""
    logs, group = run.target.client("logs"), f"/aws/batch/{function}"
    streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    ends = (
        logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], limit=20)
        for stream in streams
    )
    return "\n".join(event["message"] for end in ends for event in end["events"])


def count_lines(run: AcceptanceRun, function: str, text: str) -> int:
    """Return the number of stored events of the jobs that contain the text."""
    logs, found = run.target.client("logs"), 0
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/batch/{function}")
    for page in pages:
        found += sum(text in event["message"] for event in page["events"])
    return found
