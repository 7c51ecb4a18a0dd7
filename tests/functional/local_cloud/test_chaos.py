"""The command line and real runs against a local cloud under chaos, with a few seeds."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.local_cloud import BUCKET, STATE, a_local_cloud, function, scar
from tests.fakes.script_fault_tests import IN_BATCH
from tests.profiles import examples
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess

SEEDS = tuple(str(seed) for seed in range(1, 1 + examples(3)))
NAMES = ("first", "second", "third")
FILES = 6
JOBS = {**IN_BATCH, "attempts": 5}
# The events of the first function are gathered in a queue.
GATHERED = {**JOBS, "array": {"window": 2}}
CHAIN = tuple(
    function(
        name,
        script="copy.sh",
        execution_mode="batch",
        output=[{"path": f"{BUCKET}/{target}"}],
        batch=GATHERED if name == NAMES[0] else JOBS,
    )
    for name, target in zip(NAMES, ("in/second", "in/third", "out"), strict=True)
)
COPY = '#!/bin/sh\ncp "$INPUT_FILE_PATH" "$TMP_OUTPUT_DIR/"\n'


@pytest.fixture(params=SEEDS)
def cloud(request: pytest.FixtureRequest) -> Iterator[LocalCloudProcess]:
    yield from a_local_cloud("process", chaos=request.param)


def command(cloud: LocalCloudProcess, *arguments: str, status: int = 0) -> str:
    """Run a command as a user would; return its stdout."""
    process = scar(cloud.folder, *arguments)
    output, messages = process.communicate(timeout=500)
    assert process.returncode == status, messages
    return output


def records(cloud: LocalCloudProcess) -> dict[str, set[str]]:
    """Return the names of the records of each run by its folder."""
    runs: dict[str, set[str]] = {}
    for key in cloud.keys("runs/", STATE):
        run, _, name = key.rpartition("/")
        if "/arrays/" in run:
            continue
        runs.setdefault(run, set()).add(name)
    return runs


def test_a_chain_creates_every_output_once(cloud: LocalCloudProcess) -> None:
    (cloud.folder / "copy.sh").write_text(COPY)
    path = cloud.write(CHAIN)
    command(cloud, "init", "-f", str(path))
    (cloud.folder / "files").mkdir()
    for number in range(FILES):
        (cloud.folder / "files" / f"{number}.txt").write_text(str(number))
    command(cloud, "put", "-b", f"{BUCKET}/in/first", "-p", "files")

    def done() -> dict[str, set[str]]:
        runs = records(cloud)
        count = sum("done.json" in names for names in runs.values())
        return runs if count == FILES * len(NAMES) else {}

    runs = until(done)
    assert Counter(run.split("/")[1] for run in runs) == dict.fromkeys(NAMES, FILES)
    outputs = Counter(
        output["key"]
        for run in runs
        for output in json.loads(cloud.read(f"{run}/done.json", STATE))["outputs"]
    )
    assert len(outputs) == FILES * len(NAMES)
    assert set(outputs.values()) == {1}
    assert sorted(cloud.keys("out/")) == [f"out/{number}.txt" for number in range(FILES)]
    status: Any = json.loads(command(cloud, "local", "status", "-j"))
    assert status["conditions"]["occurred"]
    command(cloud, "rm", "-y", "-f", str(path))
