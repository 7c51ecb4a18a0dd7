"""Record in ``locks/applied`` that functions are being changed, at the same time as other calls."""

from __future__ import annotations

import contextlib
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from scar.aws.deploy.applied import AppliedState
from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Collection
    from types import TracebackType

    from scar.aws.deploy.applied_record import AppliedRecord, AppliedRecords


@dataclass(slots=True)
class RecordedChanges:
    """Changes of functions, inside ``with``; ``observed`` was read before anything else was.

    Recorded in the background, while the lock is acquired: call ``require_begun`` before the first
    change. ``finish`` records what was applied while the lock is released; without it, nothing is.
    """

    records: AppliedRecords
    functions: Collection[str]
    observed: AppliedRecord
    owner: str = field(default_factory=lambda: uuid.uuid4().hex)
    # One thread: the end is written after the beginning.
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1), init=False)
    _begun: Future[AppliedRecord] = field(default_factory=Future, init=False)
    _ended: Future[None] | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        self._begun = self._pool.submit(
            self.records.begin, self.owner, self.functions, self.observed
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        ended = self._ended or self._end(None, self.observed)
        # Nothing depends on it: without the end, later deployments read everything.
        with self._pool, contextlib.suppress(ScarError):
            ended.result()

    def require_begun(self) -> None:
        """Wait until the beginning is recorded; raise the ScarError if it cannot be."""
        self._begun.result()

    def finish(self, digest: str, generation: str, observed: AppliedRecord) -> None:
        """Record the end of changes that were planned with ``observed``, and the digest, if any.

        ``generation`` is that of the shared resources, empty if these may have changed since.
        """
        applied = None
        if digest and generation:
            applied = AppliedState(
                digest=digest,
                time=observed.served,
                functions=(*self.functions,),
                generation=generation,
            )
        self._ended = self._end(applied, observed)

    def _end(self, applied: AppliedState | None, observed: AppliedRecord) -> Future[None]:
        def end() -> None:
            begun = None if self._begun.exception() else self._begun.result()
            self.records.end(self.owner, self.functions, observed, applied, begun=begun)

        return self._pool.submit(end)
