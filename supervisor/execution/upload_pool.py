"""Upload a run's output files, several at a time, until an error, the deadline or the end."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from supervisor import descriptors
from supervisor.descriptors import OpenFile
from supervisor.errors import OutputError
from supervisor.execution.outputs import upload_file
from supervisor.execution.time_limit import deadline_exceeded
from supervisor.runs.record_format import UNKNOWN_RUN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from supervisor.execution.outputs import OutputFile
    from supervisor.execution.run_files import RunFiles
    from supervisor.logs import Log
    from supervisor.model import ObjectRef
    from supervisor.ports import ObjectStore
    from supervisor.runs.record_format import UploadedObject

# Most of the time of a small upload is the wait for the response. Each thread has one file, one
# connection and one chunk open. With 20 ms a response, 1,500 files take 2 s.
THREADS = 16
# Seconds. How late the deadline is noticed if no thread reads a file, for the lack of a response.
POLL_INTERVAL = 1.0
# Seconds to wait, after the deadline or TERM, for uploads that have no response yet, and for the
# clean-up of others; of a short time until Lambda ends the sandbox, this part at most. The rest is
# needed to record the failure, or to submit the run to Batch.
PATIENCE, PATIENCE_PART = 3.0, 0.5


class UploadStopped(Exception):
    """Another upload has failed, or the run ends: this one is not continued."""


@dataclass(slots=True, kw_only=True)
class UploadPool:
    """Uploads files of one run. ``stop_at`` is the deadline by the clock ``now``, or None.

    ``deadline`` is when Lambda ends the sandbox, or None. ``find_metadata`` returns the user
    metadata of each object. With one thread the caller's own is used. ``others`` are the names of
    the stores that are not the account's S3.
    """

    run: RunFiles
    open_store: Callable[[str], ObjectStore]
    find_metadata: Callable[[ObjectRef], Mapping[str, str]]
    log: Log
    now: Callable[[], float]
    stop_at: float | None = None
    deadline: float | None = None
    threads: int = THREADS
    others: frozenset[str] = frozenset()
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _stores: dict[str, ObjectStore] = field(default_factory=dict, init=False)
    _error: BaseException | None = field(default=None, init=False)
    _next: int = field(default=0, init=False)
    _uploaded: dict[int, UploadedObject] = field(default_factory=dict, init=False)

    def upload(self, files: Sequence[OutputFile]) -> tuple[UploadedObject, ...]:
        """Upload all files; return their objects in the same order.

        The first error ends all uploads and is raised when they have ended: StorageError,
        OutputError, DeadlineExceeded. No request is sent for a file after it. An upload that is
        not complete leaves no object.
        """
        providers = {file.target.provider for file in files}
        self._stores = {provider: self.open_store(provider) for provider in sorted(providers)}
        if self.threads == 1:
            self._work(files)
        else:
            self._work_in_threads(files)
        if self._error is not None:
            raise self._error
        return tuple(self._uploaded[number] for number in range(len(files)))

    def _work_in_threads(self, files: Sequence[OutputFile]) -> None:
        # Events, because a signal handler that raises in Thread.join makes Python 3.11 take the
        # running thread for one that has ended (threading.Thread._wait_for_tstate_lock).
        ends: list[threading.Event] = []
        try:
            for _ in range(min(self.threads, len(files))):
                end = threading.Event()
                worker = threading.Thread(target=self._work_and_set, args=(files, end), daemon=True)
                worker.start()
                ends.append(end)
            for end in ends:
                self._wait(end)
        except BaseException as error:  # noqa: BLE001 - raised again; TERM or a lost claim, raised by a signal handler
            self._fail(error)
        if left := self._count_running(ends):
            # They hold a request whose response is missing, and stop before their next one.
            self.log.warning(f"{left} uploads did not end; it is not known whether they succeeded.")

    def _work_and_set(self, files: Sequence[OutputFile], end: threading.Event) -> None:
        try:
            self._work(files)
        finally:
            end.set()

    def _wait(self, end: threading.Event) -> None:
        """Wait for the end of a thread, but not beyond the deadline."""
        while not end.wait(_at_most(POLL_INTERVAL, self.stop_at, self.now)):
            self._check_deadline()

    def _count_running(self, ends: Sequence[threading.Event]) -> int:
        """Return how many threads still run after at most ``PATIENCE`` seconds in all."""
        import time

        patience = _at_most(PATIENCE, self.deadline, self.now, part=PATIENCE_PART)
        last = time.monotonic() + patience
        return sum(not end.wait(max(0.0, last - time.monotonic())) for end in ends)

    def _work(self, files: Sequence[OutputFile]) -> None:
        """Upload one file after the other, as long as there are any and nothing has failed."""
        while True:
            with self._lock:
                number = self._next
                if self._error is not None or number >= len(files):
                    return
                self._next += 1
            try:
                self._uploaded[number] = self._upload_file(files[number])
            except UploadStopped:
                return
            except BaseException as error:  # noqa: BLE001 - raised again by the caller's thread
                self._fail(error)
                return

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            self._error = self._error or error

    def _check(self) -> None:
        """Raise the reason why no more may be sent: before each request and each chunk."""
        if self._error is not None:
            raise UploadStopped
        self._check_deadline()

    def _check_deadline(self) -> None:
        if self.stop_at is not None and self.now() >= self.stop_at:
            raise deadline_exceeded("during the upload of the outputs")

    def _upload_file(self, file: OutputFile) -> UploadedObject:
        self._check()
        try:
            descriptor, status = self.run.open(file.parts, file.identity)
        except OSError as error:
            raise OutputError(
                f"The output file {file.name!r} was changed after it was checked.",
                remedy="All processes of the script must have finished their files when it ends.",
            ) from error
        with descriptors.closing(descriptor):
            source = OpenFile(
                descriptor=descriptor, name=file.name, size=status.st_size, check=self._check
            )
            target = file.target
            uploaded = upload_file(
                self._stores[target.provider],
                source,
                target,
                self.find_metadata(target),
                self.log.info,
            )
        if uploaded.replaced:
            self._warn_of_replacement(target, uploaded.replaced)
        is_other = target.provider in self.others
        return replace(uploaded, provider=target.provider) if is_other else uploaded

    def _warn_of_replacement(self, target: ObjectRef, run: str) -> None:
        remedy = (
            "Name outputs after INPUT_FILE_PATH, whose name differs for each call. If input files"
            " in several folders have the same name, use the folder in STORAGE_OBJECT_KEY too."
        )
        if run == UNKNOWN_RUN:
            self.log.warning(
                f"{target}: an existing file, whose run is not known, is replaced.",
                remedy="Nothing to do if it is of the same input, or of an earlier attempt."
                f" Otherwise: {remedy[0].lower()}{remedy[1:]}",
            )
            return
        self.log.warning(
            f"{target} was the output of run {run} from another input or call; it is replaced.",
            remedy=remedy,
        )


def _at_most(
    seconds: float, until: float | None, now: Callable[[], float], *, part: float = 1.0
) -> float:
    """Return the seconds, or this part of the time that is left, whichever is less."""
    return seconds if until is None else min(seconds, max(0.0, part * (until - now())))
