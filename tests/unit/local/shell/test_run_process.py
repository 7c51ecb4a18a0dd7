"""The process of a run, and what surrounds it."""

from __future__ import annotations

import os
import subprocess
import uuid
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.local.processes import start_time
from scar.local.shell.process_context import map_id, open_context, parse_status
from scar.local.shell.run_process import RunProcess, RunProcessError, find_run_process

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HERE = "http://127.0.0.1:1"


class Processes:
    """Starts processes with these variables."""

    def __init__(self) -> None:
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, **variables: str) -> int:
        process = subprocess.Popen(["sleep", "1000"], env=variables, executable="/bin/sleep")
        self.started.append(process)
        return process.pid


@pytest.fixture
def processes() -> Iterator[Processes]:
    started = Processes()
    yield started
    for process in started.started:
        process.kill()
        process.wait()


def test_the_script_s_process_is_preferred_to_the_supervisor_and_to_other_local_clouds(
    processes: Processes,
) -> None:
    run = uuid.uuid4().hex
    other = processes.start(SCAR_RUN_ID=run, TMP_INPUT_DIR="/i", AWS_ENDPOINT_URL="http://other")
    supervisor = processes.start(SCAR_RUN_ID=run, AWS_ENDPOINT_URL=HERE)
    assert find_run_process(run, HERE).pid == supervisor
    script = processes.start(SCAR_RUN_ID=run, TMP_INPUT_DIR="/i", AWS_ENDPOINT_URL=HERE)
    child = processes.start(SCAR_RUN_ID=run, TMP_INPUT_DIR="/i", AWS_ENDPOINT_URL=HERE)
    found = find_run_process(run, HERE)
    assert found.pid == script != child
    assert found.environment["TMP_INPUT_DIR"] == "/i"
    assert find_run_process(run, "http://other").pid == other


def test_a_run_without_a_process_of_this_user_is_named() -> None:
    with pytest.raises(RunProcessError, match=f"by user {os.geteuid()}"):
        find_run_process(uuid.uuid4().hex, HERE)


def test_a_process_with_the_id_of_one_that_has_ended_is_not_entered(processes: Processes) -> None:
    pid = processes.start(A="b")
    started = start_time(pid)
    assert started is not None
    with open_context(RunProcess(pid=pid, started=started, environment={})) as context:
        assert (context.namespaces, context.root) == ({}, None)
        assert context.user == os.geteuid()
    earlier = RunProcess(pid=pid, started=started - 1, environment={})
    with pytest.raises(RunProcessError, match="has ended"), open_context(earlier):
        pass


MAPS = st.lists(st.integers(1, 50), min_size=1, max_size=5).map(
    lambda counts: [(1000 * n, 100_000 + 500 * n, count) for n, count in enumerate(counts)]
)


@given(MAPS, st.data())
def test_an_id_is_mapped_into_the_namespace_or_has_none(
    rows: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    text = "".join(f"{inside:>10} {outside:>10} {count:>10}\n" for inside, outside, count in rows)
    expected: Mapping[int, int] = {
        outside + n: inside + n for inside, outside, count in rows for n in range(count)
    }
    mapped = data.draw(st.sampled_from(sorted(expected)))
    assert map_id(text, mapped) == expected[mapped]
    anywhere = data.draw(st.integers(99_000, 103_000))
    assert map_id(text, anywhere) == expected.get(anywhere)


def test_fields_of_a_status_are_parsed() -> None:
    assert parse_status("Name:\tsh\nUid:\t0\t1\t2\t3\n") == {"Name": "sh", "Uid": "0\t1\t2\t3"}
