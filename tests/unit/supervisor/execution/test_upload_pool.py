"""Outputs are uploaded several at a time: requests, errors, deadlines, and several attempts."""

from __future__ import annotations

import json
import threading
import time
import zlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from supervisor.errors import DeadlineExceeded, OutputError, StorageError, Terminated
from supervisor.execution.output_listing import list_outputs
from supervisor.execution.outputs import LARGE_FILE
from supervisor.execution.upload_pool import UploadPool
from supervisor.execution.workspace import create_workspace
from supervisor.logs import Log
from supervisor.model import ExecutionMode, ObjectRef, OutputRule
from tests.fakes.object_store import MemoryStore
from tests.fakes.supervisor_factory import (
    NOW,
    STATE,
    PythonScript,
    lambda_invocation,
    new_harness,
    notification,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from supervisor.execution.workspace import Workspace
    from supervisor.invocation import ProcessSpec
    from supervisor.runs.record_format import UploadedObject

RULES = (OutputRule(provider="s3", path="data/out"),)
THREADS = 8
TIMEOUT = 300.0


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Workspace]:
    with create_workspace(tmp_path) as workspace:
        yield workspace


def write(run: Workspace, count: int) -> None:
    for number in range(count):
        (run.outputs / f"{number:04}").write_bytes(b"%d" % number)


def upload(
    run: Workspace,
    store: MemoryStore,
    *,
    now: Callable[[], float] = lambda: NOW,
    threads: int = THREADS,
    metadata: Mapping[str, str] | None = None,
) -> tuple[UploadedObject, ...]:
    pool = UploadPool(
        run=run.files,
        open_store=lambda _provider: store,
        find_metadata=lambda _target: {"scar-run": "r1", **(metadata or {})},
        log=Log(write=lambda _: None),
        now=now,
        stop_at=NOW + 100,
        threads=threads,
    )
    return pool.upload(list_outputs(run.files, RULES).files)


@pytest.mark.parametrize("threads", [1, THREADS])
@pytest.mark.parametrize("count", [0, 1, 3, 1500])
def test_each_file_costs_one_request(run: Workspace, threads: int, count: int) -> None:
    write(run, count)
    store = MemoryStore()
    uploaded = upload(run, store, threads=threads)
    assert store.calls == ({"upload": count} if count else {})
    assert store.keys() == {f"out/{number:04}": b"%d" % number for number in range(count)}
    # In order of the names, whatever the order in which the threads ended.
    assert [made.key for made in uploaded] == sorted(store.keys())
    for made in uploaded:
        data = store.keys()[made.key]
        assert (made.size, made.crc32) == (len(data), f"{zlib.crc32(data):08x}")


def test_a_large_file_is_looked_for_before_it_is_sent(run: Workspace) -> None:
    with (run.outputs / "large").open("wb") as file:
        file.truncate(LARGE_FILE + 1)
    store = MemoryStore()
    for _ in range(2):
        upload(run, store)
    assert store.calls == {"head": 2, "upload": 1}


def test_uploads_are_at_work_at_the_same_time_and_never_more_than_the_threads(
    run: Workspace,
) -> None:
    write(run, 40)
    everyone = threading.Barrier(THREADS, timeout=TIMEOUT)
    current: Counter[str] = Counter()
    most = []
    lock = threading.Lock()

    def note(method: str, ref: ObjectRef) -> None:
        del method, ref
        with lock:
            current["now"] += 1
            most.append(current["now"])
        everyone.wait()  # passes only if eight uploads have begun
        with lock:
            current["now"] -= 1

    store = MemoryStore(before=note)
    upload(run, store)
    assert max(most) == THREADS
    assert store.calls["upload"] == 40


@pytest.mark.parametrize("threads", [1, THREADS])
def test_the_first_error_ends_all_uploads_and_no_thread_is_left(
    run: Workspace, threads: int
) -> None:
    write(run, 500)

    failing: list[tuple[threading.Thread, int]] = []

    def fail(method: str, ref: ObjectRef) -> None:
        del method
        if ref.key.endswith("0100"):
            failing.append((threading.current_thread(), store.calls["upload"]))
            raise StorageError("Cannot write it.")
        if failing:
            failing[0][0].join(TIMEOUT)

    store = MemoryStore(before=fail)
    before = threading.active_count()
    with pytest.raises(StorageError, match="Cannot write it"):
        upload(run, store, threads=threads)
    assert threading.active_count() == before
    # Each of the other threads had begun one file, or begins one before it sees the error.
    assert store.calls["upload"] - failing[0][1] < THREADS


def test_an_error_ends_the_uploads_that_have_begun(run: Workspace) -> None:
    write(run, 2)
    failing: list[threading.Thread] = []
    both = threading.Barrier(2, timeout=TIMEOUT)

    def fail(method: str, ref: ObjectRef) -> None:
        del method
        if ref.key == "out/0001":
            failing.append(threading.current_thread())
        both.wait()
        if ref.key == "out/0001":
            raise StorageError("Cannot write it.")
        failing[0].join(TIMEOUT)

    store = MemoryStore(before=fail)
    with pytest.raises(StorageError, match="Cannot write it"):
        upload(run, store)
    assert store.keys() == {}


@pytest.mark.parametrize("threads", [1, THREADS])
def test_nothing_begins_after_the_deadline(run: Workspace, threads: int) -> None:
    write(run, 500)
    clock, late = [NOW], []

    def note(method: str, ref: ObjectRef) -> None:
        del method
        if clock[0] >= NOW + 100:
            late.append(ref.key)
        if len(store.history) == 100:
            clock[0] = NOW + 100

    store = MemoryStore(before=note)
    with pytest.raises(DeadlineExceeded, match="during the upload"):
        upload(run, store, now=lambda: clock[0], threads=threads)
    # Only what the other threads had begun at that moment.
    assert len(late) < THREADS
    assert 100 <= store.calls["upload"] < 100 + THREADS


def test_the_deadline_ends_an_upload_between_two_chunks(run: Workspace) -> None:
    (run.outputs / "large").write_bytes(b"x")
    clock = [NOW]

    class SlowStore(MemoryStore):
        def upload(self, source: object, ref: ObjectRef, **options: object) -> object:  # type: ignore[override]
            clock[0] = NOW + 100
            return super().upload(source, ref, **options)  # type: ignore[arg-type]

    store = SlowStore()
    with pytest.raises(DeadlineExceeded):
        upload(run, store, now=lambda: clock[0])
    assert store.keys() == {}


def test_a_response_that_does_not_come_is_not_waited_for_beyond_the_deadline(
    run: Workspace,
) -> None:
    write(run, 3)
    clock, release = [NOW], threading.Event()

    def hang(method: str, ref: ObjectRef) -> None:
        del method, ref
        clock[0] = NOW + 100
        release.wait(TIMEOUT)

    with pytest.raises(DeadlineExceeded):
        upload(run, MemoryStore(before=hang), now=lambda: clock[0])
    release.set()


def test_a_store_that_hangs_leaves_time_for_the_record_before_lambda_ends_the_sandbox(
    run: Workspace,
) -> None:
    write(run, 3)
    release = threading.Event()

    def hang(method: str, ref: ObjectRef) -> None:
        del method, ref
        release.wait(TIMEOUT)

    store = MemoryStore(before=hang)
    timeout_threshold, stop_at = 2, time.time() + 0.1
    pool = UploadPool(
        run=run.files,
        open_store=lambda _provider: store,
        find_metadata=lambda _target: {"scar-run": "r1"},
        log=Log(write=lambda _: None),
        now=time.time,
        stop_at=stop_at,
        deadline=stop_at + timeout_threshold,
    )
    with pytest.raises(DeadlineExceeded):
        pool.upload(list_outputs(run.files, RULES).files)
    late = time.time() - stop_at
    release.set()
    assert late < timeout_threshold - 0.4


def test_term_during_the_upload_ends_it(run: Workspace) -> None:
    write(run, 100)
    store = MemoryStore()

    def now() -> float:
        # In the caller's thread: as a signal handler, while it waits.
        if threading.current_thread() is threading.main_thread():
            seen.set()
            raise Terminated
        return NOW

    # The uploads continue when the caller's thread has seen the signal, and waits for them.
    seen = threading.Event()

    def wait(method: str, ref: ObjectRef) -> None:
        del method, ref
        seen.wait(TIMEOUT)

    store.before = wait
    with pytest.raises(Terminated):
        upload(run, store, now=now)
    assert store.calls["upload"] <= THREADS


def test_a_file_that_is_replaced_between_listing_and_upload_is_not_uploaded(
    run: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("secret")
    replacements: list[Callable[[Path], object]] = [
        lambda path: path.symlink_to(tmp_path / "secret"),
        lambda path: path.hardlink_to(tmp_path / "secret"),
        lambda path: path.write_text("new"),
        lambda path: path.mkdir(),
        lambda _path: None,
    ]
    for number, replacement in enumerate(replacements):
        path = run.outputs / f"{number}"
        path.write_text("checked")
        (run.root / f"kept {number}").hardlink_to(path)  # its inode is not used again
        files = list_outputs(run.files, RULES).files
        path.unlink()
        replacement(path)
        store = MemoryStore()
        pool = UploadPool(
            run=run.files,
            open_store=lambda _provider, store=store: store,  # type: ignore[misc]
            find_metadata=lambda _target: {"scar-run": "r1"},
            log=Log(write=lambda _: None),
            now=lambda: NOW,
        )
        with pytest.raises(OutputError, match="changed after it was checked"):
            pool.upload(files)
        assert store.keys() == {}
        path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)


def test_a_folder_that_is_swapped_for_a_link_is_not_followed(
    run: Workspace, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (run.outputs / "d").mkdir()
    (run.outputs / "d" / "x").touch()
    files = list_outputs(run.files, RULES).files
    (outside / "x").hardlink_to(run.outputs / "d" / "x")  # even the inode is the same
    (run.outputs / "d").rename(run.root / "d")
    (run.outputs / "d").symlink_to(outside)
    store = MemoryStore()
    pool = UploadPool(
        run=run.files,
        open_store=lambda _provider: store,
        find_metadata=lambda _target: {"scar-run": "r1"},
        log=Log(write=lambda _: None),
        now=lambda: NOW,
    )
    with pytest.raises(OutputError):
        pool.upload(files)
    assert store.calls == {}


def test_a_second_attempt_writes_nothing_again(run: Workspace) -> None:
    write(run, 20)
    store = MemoryStore()
    first = upload(run, store)
    (run.outputs / "0000").write_text("another content of the second attempt")
    second = upload(run, store)
    assert all(count == 1 for count in store.created.values())
    assert store.calls == {"upload": 40, "head": 20}
    assert [made.etag for made in second] == [made.etag for made in first]
    # Size and CRC are the object's: the file of this attempt was not sent.
    assert [made.size for made in second] == [made.size for made in first]
    assert {made.crc32 for made in second} == {""}


def test_two_attempts_at_the_same_time_create_each_object_once(run: Workspace) -> None:
    write(run, 100)
    store = MemoryStore()
    attempts = [threading.Thread(target=upload, args=(run, store)) for _ in range(2)]
    for attempt in attempts:
        attempt.start()
    for attempt in attempts:
        attempt.join(TIMEOUT)
    assert len(store.created) == 100
    assert set(store.created.values()) == {1}


def test_an_object_of_a_newer_upload_is_kept_and_an_older_one_replaced(run: Workspace) -> None:
    write(run, 2)
    store = MemoryStore()
    store.put("out/0000", b"newer", scar_run="r0", scar_input="i", scar_sequencer="0B")
    store.put("out/0001", b"older", scar_run="r0", scar_input="i", scar_sequencer="01")
    upload(run, store, metadata={"scar-input": "i", "scar-sequencer": "0A"})
    assert store.keys() == {"out/0000": b"newer", "out/0001": b"1"}


def test_a_run_in_lambda_continues_in_batch_if_the_deadline_passes_during_the_upload(
    tmp_path: Path,
) -> None:
    clock = [NOW]

    def many(task: ProcessSpec) -> int:
        for number in range(200):
            (Path(task.environment["TMP_OUTPUT_DIR"]) / str(number)).touch()
        return 0

    harness = new_harness(
        tmp_path,
        mode=ExecutionMode.LAMBDA_BATCH,
        runner=PythonScript(many),
        now=lambda: clock[0],
        upload_threads=THREADS,
    )

    def note(method: str, ref: ObjectRef) -> None:
        del ref
        if method == "upload" and harness.store.calls["upload"] == 50:
            clock[0] += 295

    harness.store.before = note
    harness.store.put("in/x", b"1")
    (result,) = harness.supervisor.handle(lambda_invocation(notification("in/x"))).results
    assert result.state.value == "delegated"
    assert len(harness.store.keys()) < 70
    assert not [key for key in harness.store.keys(STATE) if key.endswith("done.json")]
    assert json.loads(next(d for k, d in harness.store.keys(STATE).items() if "delegated" in k))


def test_uploads_read_the_file_that_was_checked_although_its_name_is_another(
    run: Workspace,
) -> None:
    write(run, 1)
    store = MemoryStore()
    (file,) = list_outputs(run.files, RULES).files
    pool = UploadPool(
        run=run.files,
        open_store=lambda _provider: store,
        find_metadata=lambda target: {"scar-run": "r1", "scar-key": target.key},
        log=Log(write=lambda _: None),
        now=lambda: NOW,
    )
    (made,) = pool.upload([replace(file, name="shown")])
    assert made.key == "out/0000"
    assert store.objects["data", "out/0000"][1].metadata["scar-key"] == "out/0000"
