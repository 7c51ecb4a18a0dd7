"""Limits by polling: no tree's trouble or size keeps the others from being checked."""

from __future__ import annotations

import os
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.local.engines import limits_monitor
from scar.local.engines.limits_monitor import (
    ENTRIES_PER_POLL,
    MIB,
    ExceededLimit,
    FolderWalk,
    LimitsMonitor,
    MonitoredTree,
    TreeLimits,
)
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TIMEOUT = 300.0  # seconds


@pytest.fixture
def monitor() -> Iterator[LimitsMonitor]:
    monitor = LimitsMonitor(interval=0.001)
    yield monitor
    monitor.close()


@pytest.fixture
def shell() -> Iterator[int]:
    """Return a process with a child: every tree below it uses some memory."""
    with subprocess.Popen(
        ["sh", "-c", "sleep 3600 & echo ready; wait"],
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        os.killpg(process.pid, 9)


def test_a_tree_whose_report_fails_does_not_end_the_checks(
    monitor: LimitsMonitor, shell: int, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: ExceededLimit) -> None:
        raise RuntimeError("the log is closed")

    exceeded = threading.Event()
    monitor.add(shell, TreeLimits(memory_mb=0), fail)
    monitor.add(os.getpid(), TreeLimits(memory_mb=0), lambda _: exceeded.set())
    assert exceeded.wait(TIMEOUT)
    assert "cannot check the limits of process" in caplog.text


def test_an_idle_tree_is_checked_too_and_one_that_has_work_again_more_often(
    monitor: LimitsMonitor, shell: int
) -> None:
    exceeded = threading.Event()
    tree = monitor.add(shell, TreeLimits(memory_mb=0), lambda _: exceeded.set())
    monitor.set_idle(tree, is_idle=True)
    assert exceeded.wait(TIMEOUT)


def test_of_twenty_polls_one_looks_at_idle_trees() -> None:
    monitor = LimitsMonitor(interval=3600)
    idle = monitor.add(os.getpid(), TreeLimits(memory_mb=1 << 20), lambda _: None)
    busy = monitor.add(os.getppid(), TreeLimits(memory_mb=1 << 20), lambda _: None)
    monitor.set_idle(idle, is_idle=True)
    polls = [monitor._due_trees() for _ in range(40)]
    assert [idle in trees for trees in polls].count(True) == 2
    assert all(busy in trees for trees in polls)
    monitor.set_idle(idle, is_idle=False)
    assert all(idle in monitor._due_trees() for _ in range(20))
    monitor.close()


def test_work_ends_the_pause_of_a_monitor_whose_trees_are_all_idle(
    monkeypatch: pytest.MonkeyPatch, monitor: LimitsMonitor, shell: int
) -> None:
    monkeypatch.setattr(limits_monitor, "_IDLE_POLLS", 10**9)  # a pause of eleven days
    exceeded = threading.Event()
    limits = TreeLimits(memory_mb=0)
    tree = MonitoredTree(shell, limits, lambda _: exceeded.set(), is_idle=True)
    monitor.add_tree(tree)
    until(lambda: monitor._is_slow)
    monitor.set_idle(tree, is_idle=False)
    assert exceeded.wait(TIMEOUT)


def test_the_exact_memory_is_read_only_if_it_may_be_more_or_too_much(
    shell: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact: list[int] = []
    resident = [4 * MIB]

    def measure(_: object) -> int:
        exact.append(resident[0])
        return resident[0] // 2

    monkeypatch.setattr(limits_monitor, "resident_bytes", lambda _: resident[0])
    monkeypatch.setattr(limits_monitor, "proportional_bytes", measure)
    tree = MonitoredTree(shell, TreeLimits(memory_mb=10), lambda _: None)
    for _ in range(10):
        tree.update_peak()
    assert (exact, tree.peak_mb) == ([4 * MIB], 2)
    for size in (5, 4, 3, 2, 1, 6):
        resident[0] = size * MIB
        tree.update_peak()
    assert (exact[1:], tree.peak_mb) == ([5 * MIB, 6 * MIB], 3)
    resident[0] = 11 * MIB  # beyond the limit: each time
    for _ in range(3):
        tree.update_peak()
    assert exact[3:] == [11 * MIB] * 3
    resident[0] = 9 * MIB
    for _ in range(20):
        tree.update_peak()
    assert exact[6:] == [9 * MIB]


def some_files(folder: Path, count: int, size: int = 1) -> None:
    for number in range(count):
        (folder / f"{number}").write_bytes(b"x" * size)


def walked_bytes(folder: Path, step: int) -> int:
    walk = FolderWalk(folder)
    for _ in range(10_000):
        if walk.advance(step):
            return walk.bytes
    raise AssertionError("the walk does not end")


@given(step=st.integers(1, 40))
def test_the_size_of_the_steps_changes_nothing(
    step: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("walked")
    (folder / "a/b").mkdir(parents=True)
    some_files(folder, 7, 5000)
    some_files(folder / "a/b", 5)
    (folder / "link").symlink_to("/")
    entries = [*folder.rglob("*")]
    assert walked_bytes(folder, step) == sum(e.lstat().st_blocks * 512 for e in entries)


def test_a_poll_looks_at_a_bounded_number_of_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some_files(tmp_path, 30)
    monkeypatch.setattr(limits_monitor, "ENTRIES_PER_POLL", 10)
    found: list[ExceededLimit] = []
    limits = TreeLimits(memory_mb=1024, folder=tmp_path, folder_mb=0)
    tree = MonitoredTree(os.getpid(), limits, found.append)
    for _ in range(limits_monitor._POLLS_BETWEEN_WALKS - 1):
        tree.check_limits()
        assert tree._walk is None
    tree.check_limits()
    # What was seen is enough: the rest need not be walked.
    assert found == [ExceededLimit.FOLDER]
    assert tree._walk is not None
    assert 0 < tree._walk.bytes <= 10 * 4096 * 2


def test_a_folder_within_its_limit_is_walked_again_and_again(tmp_path: Path) -> None:
    found: list[ExceededLimit] = []
    limits = TreeLimits(memory_mb=1024, folder=tmp_path, folder_mb=1)
    tree = MonitoredTree(os.getpid(), limits, found.append)
    some_files(tmp_path, 3)
    for _ in range(50):
        tree.check_limits()
    assert found == []
    (tmp_path / "large").write_bytes(b"x" * 2 * MIB)
    for _ in range(50):
        tree.check_limits()
    assert found == [ExceededLimit.FOLDER]


def test_folders_count(tmp_path: Path) -> None:
    """Folders without files take no room for files, but memory and inodes."""
    if not os.stat(tmp_path).st_blocks:  # noqa: PTH116
        pytest.skip("folders have no blocks on this file system")
    for number in range(400):
        (tmp_path / f"{number}").mkdir()
    assert walked_bytes(tmp_path, ENTRIES_PER_POLL) > MIB


def test_a_folder_that_is_gone_is_empty(tmp_path: Path) -> None:
    assert walked_bytes(tmp_path / "gone", 5) == 0
