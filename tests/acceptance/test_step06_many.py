"""Step 6: thousands of files in mode batch, and a job that prints a lot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.acceptance.conftest import Deploy
    from tests.acceptance.kit.run import AcceptanceRun

pytestmark = pytest.mark.step(6)
LINE = 1000  # bytes


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
