"""The failed children of arrays that arguments name, with and without a record: `scar retry`."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from scar.cli.arrays.array_selection import split_arrays
from scar.cli.run_selection.selected_runs import RunSelection, read_failures, select_runs
from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scar.aws.client.connection import AwsConnection
    from scar.cli.session import Session
    from scar.runs.arrays.array_counts import LostChild
    from scar.runs.arrays.array_store import ArrayJob
    from scar.runs.ledger import Run


@dataclass(frozen=True, slots=True)
class NamedFailures:
    """What texts name: single ``runs``, the failed ``children`` of arrays, and those ``lost``.

    ``lost`` are children that ended without a record.
    """

    runs: list[Run] = field(default_factory=list)
    children: list[Run] = field(default_factory=list)
    lost: list[LostChild] = field(default_factory=list)

    @property
    def has_children(self) -> bool:
        return bool(self.children or self.lost)


def select_named(
    session: Session, connection: AwsConnection, selection: RunSelection
) -> NamedFailures:
    """Return the runs, files, arrays and children that the selection names; raise ScarError.

    A run or a child with a record may be in any state: it is refused where it is started.
    """
    from scar.runs.arrays.named_children import read_named_child
    from scar.runs.ledger import RunLedger
    from scar.runs.lookup import RunNotFoundError

    ledger, batch = RunLedger.connect(connection), connection.client("batch")
    found = NamedFailures()
    arrays, others = split_arrays(ledger, batch, selection.names, selection.functions)
    for array, index in arrays:
        if index is None:
            runs, lost = read_failed_children(session, connection, array, selection)
            found.children.extend(runs)
            found.lost.extend(lost)
            continue
        child = read_named_child(ledger, batch, array, index)
        if child.run is not None:
            found.runs.append(child.run)
        elif child.state in selection.states:
            found.lost.append(child.lost)
        else:
            raise child.refuse("be retried")
    for name in others:
        one = RunSelection(
            names=(name,), functions=selection.functions, since=None, states=selection.states
        )
        try:
            found.runs.extend(select_runs(session, connection, ledger, one))
        except RunNotFoundError:
            of_file = _find_lost_of_file(session, connection, name, selection)
            if not of_file:
                raise
            found.lost.extend(of_file[-1:])
    return found


def read_failed_children(
    session: Session, connection: AwsConnection, array: ArrayJob, selection: RunSelection
) -> tuple[list[Run], list[LostChild]]:
    """Return the failed runs of an array's files, and its children without a record.

    Raise ScarError if there are none.
    """
    from scar.runs.arrays.array_status import describe_arrays
    from scar.runs.arrays.array_store import ArrayStore
    from scar.runs.ledger import RunLedger

    read_runs = cache(ArrayStore.of(RunLedger.connect(connection)).read_runs)
    ids = {run.run_id for run in read_runs(array)}
    of_function = RunSelection(
        names=(), functions=(array.path.function,), since=None, states=selection.states
    )
    failed, lost = read_failures(session, connection, of_function)
    runs = [run for run in failed if run.path.run_id in ids]
    # Of a file that two arrays have not begun with, the newer one has the child.
    children = [child for child in lost if read_runs(child.array)[child.index].run_id in ids]
    if not runs and not children:
        (status,) = describe_arrays(connection.client("batch"), [array])
        raise ScarError(
            f"No child of {array.name} can be retried: none has failed and ended ({status.text}).",
            remedy=f"`scar why {array.name}` shows the array.",
        )
    return runs, children


def _find_lost_of_file(
    session: Session, connection: AwsConnection, name: str, selection: RunSelection
) -> Sequence[LostChild]:
    """Return the children of this file that ended without a record, the newest last."""
    from scar.runs.arrays.array_store import ArrayStore
    from scar.runs.ledger import RunLedger
    from scar.runs.lookup import input_id_prefix, parse_s3_url

    if not name.startswith("s3://"):
        return ()
    bucket, key = parse_s3_url(name)
    every = RunSelection(
        names=(), functions=selection.functions, since=None, states=selection.states
    )
    _, lost = read_failures(session, connection, every)
    read_runs = cache(ArrayStore.of(RunLedger.connect(connection)).read_runs)
    return [
        child
        for child in lost
        if read_runs(child.array)[child.index].run_id[:16]
        == input_id_prefix(child.array.path.function, bucket, key)
    ]
