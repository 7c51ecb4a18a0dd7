"""Find the arrays and children that arguments name, and end arrays."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from scar.aws.client.errors import translate_errors
from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mypy_boto3_batch import BatchClient

    from scar.cli.session import Session
    from scar.runs.arrays.array_store import ArrayJob
    from scar.runs.ledger import Run, RunLedger

    ArrayOrChild = tuple[ArrayJob, int | None]


def split_arrays(
    ledger: RunLedger, batch: BatchClient, texts: Iterable[str], functions: Sequence[str] = ()
) -> tuple[list[ArrayOrChild], list[str]]:
    """Return the arrays and children that texts name, and the texts that name something else.

    A UUID may be the id of an array's job, or the id of a run: the request id of a direct
    invocation. Raise ArrayNotFoundError, UsageError.
    """
    from scar.runs.arrays.array_search import ArrayNotFoundError, find_array, is_array_name
    from scar.runs.arrays.array_store import ArrayStore
    from supervisor.batch.array_manifest import ARRAY_PREFIX

    found: list[ArrayOrChild] = []
    others = []
    for text in texts:
        if not is_array_name(text):
            others.append(text)
            continue
        try:
            searched = functions or ledger.list_functions()
            found.append(find_array(ArrayStore.of(ledger), text, searched, batch))
        except ArrayNotFoundError:
            if text.startswith(ARRAY_PREFIX) or ":" in text:
                raise
            others.append(text)
    return found, others


def list_unfinished_arrays(
    ledger: RunLedger, batch: BatchClient, functions: Iterable[str]
) -> list[ArrayOrChild]:
    """Return the arrays of these functions whose job has not ended."""
    from scar.runs.arrays.array_reader import read_arrays

    reading = read_arrays(ledger, batch, functions)
    return [
        (status.array, None)
        for statuses in reading.statuses.values()
        for status in statuses
        if not status.has_ended
    ]


class ArrayHasEndedError(ScarError):
    """An array or a child has ended, so it cannot be cancelled."""

    def __init__(self, name: str, state: str) -> None:
        super().__init__(
            f"{name} has ended: {state or 'AWS Batch has deleted the job'}.",
            remedy="There is nothing to cancel.",
        )


def divide_ended(
    batch: BatchClient, arrays: Sequence[ArrayOrChild]
) -> tuple[list[ArrayOrChild], list[ArrayHasEndedError]]:
    """Return those whose jobs have not ended, and an error for each other one.

    Costs one call for 100 arrays, and one for 100 children.
    """
    from scar.runs.arrays.array_status import ENDED, describe_children

    jobs = {describe(*one): _job_of(*one) for one in arrays}
    statuses = describe_children(batch, list(jobs.values()))
    unfinished, ended = [], []
    for one in arrays:
        status = statuses.get(_job_of(*one), "")
        if status and status not in ENDED:
            unfinished.append(one)
        else:
            ended.append(ArrayHasEndedError(describe(*one), status))
    return unfinished, ended


def terminate_arrays(
    session: Session, ledger: RunLedger, batch: BatchClient, arrays: Iterable[ArrayOrChild]
) -> dict[str, str]:
    """End arrays and children, with one call each; return the ids of their jobs by name.

    Batch ends the children of an array that run, and starts no others.
    """
    from scar.runs.arrays.array_store import ArrayStore
    from scar.runs.diagnosis import CANCELLED

    ended = {}
    for array, index in arrays:
        job = _job_of(array, index)
        with translate_errors(f"terminate the Batch job {job}"):
            batch.terminate_job(jobId=job, reason=CANCELLED)
        # Children that have not begun have no record of their own that says so. Without this one
        # they count as lost.
        with suppress(ScarError):
            ArrayStore.of(ledger).write_cancelled(array, index)
        ended[describe(array, index)] = job
        session.terminal.show_progress(f"Cancelled {describe(array, index)}")
    return ended


def _job_of(array: ArrayJob, index: int | None) -> str:
    return array.job if index is None else array.child_job(index)


def list_continued_runs(
    ledger: RunLedger, batch: BatchClient, arrays: Sequence[ArrayOrChild]
) -> list[Run]:
    """Return the unfinished runs of these arrays and children that other jobs continue."""
    from scar.runs.arrays.array_status import describe_arrays
    from scar.runs.arrays.continued_runs import list_continued
    from scar.runs.batch_job import correct_run_state
    from scar.runs.states import FINISHED_STATES

    named = {(array.job, index) for array, index in arrays}
    statuses = describe_arrays(batch, {array.job: array for array, _ in arrays}.values())
    found = [
        correct_run_state(ledger, batch, run)
        for job, index, run in list_continued(ledger, statuses)
        if (job, None) in named or (job, index) in named
        if run.state not in FINISHED_STATES
    ]
    return [run for run in found if run.state not in FINISHED_STATES]


def describe(array: ArrayJob, index: int | None) -> str:
    """Return the name of an array or a child: ``array-…``, ``array-…:7``."""
    return array.name if index is None else f"{array.name}:{index}"


def without_runs_of(arrays: Sequence[ArrayOrChild], runs: Iterable[Run]) -> Iterator[Run]:
    """Yield the runs that the end of these arrays does not end too."""
    from scar.runs.arrays.child_runs import is_ended_by_array

    ending = {array.job for array, index in arrays if index is None}
    return (run for run in runs if not is_ended_by_array(run, ending))


def list_runs_of_array(
    ledger: RunLedger, batch: BatchClient, text: str, functions: Sequence[str] = ()
) -> list[Run] | None:
    """Return the runs that have begun of the array or child that a text names, in order.

    None if it names something else. Raise ScarError if none has begun.
    """
    from scar.runs.arrays.array_store import ArrayStore
    from scar.runs.arrays.named_children import ChildWithoutRecordError, read_named_child

    arrays, _ = split_arrays(ledger, batch, [text], functions)
    if not arrays:
        return None
    ((array, index),) = arrays
    if index is not None:
        child = read_named_child(ledger, batch, array, index)
        if child.run is None:
            raise child.refuse("show a log")
        return [child.run]
    indexes = {run.run_id: n for n, run in enumerate(ArrayStore.of(ledger).read_runs(array))}
    begun = [run for run in ledger.list_runs(array.path.function) if run.path.run_id in indexes]
    if not begun:
        raise ChildWithoutRecordError(
            f"No child of {array.name} has begun: there is no log.",
            remedy=f"`scar why {array.name}` shows the array.",
        )
    return sorted(begun, key=lambda run: indexes[run.path.run_id])
