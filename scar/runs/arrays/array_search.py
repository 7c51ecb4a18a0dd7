"""Find an array, or a child of one, by its name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scar.errors import ScarError, UsageError
from scar.runs.arrays.array_recovery import list_submitted
from supervisor.batch.array_manifest import ARRAY_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_batch import BatchClient

    from scar.runs.arrays.array_store import ArrayJob, ArrayStore

_JOB_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class ArrayNotFoundError(ScarError):
    """There is no record of the array, or it has no child of this index."""


def is_array_name(text: str) -> bool:
    """Return whether a text names an array or a child: ``array-…``, ``array-…:7``, a job's id."""
    name = text.partition(":")[0]
    return name.startswith(ARRAY_PREFIX) or bool(_JOB_ID.fullmatch(name))


def find_array(
    store: ArrayStore, text: str, functions: Iterable[str], batch: BatchClient | None = None
) -> tuple[ArrayJob, int | None]:
    """Return the array that a text names, and the index of the child if it names one.

    The text is an array's id, the start of one, or the id of its job, and may end with ``:index``.
    With ``batch``, arrays are found whose submission was not recorded: see ``array_recovery``.
    Raise ArrayNotFoundError, or UsageError if it is ambiguous.
    """
    name, colon, index = text.partition(":")
    if batch is None:
        listed = [array for function in functions for array in store.list_arrays(function)]
    else:
        listed = list_submitted(store, batch, functions)
    found = [
        array
        for array in listed
        if array.job == name or (array.name.startswith(name) and name != ARRAY_PREFIX)
    ]
    if len(found) > 1:
        raise UsageError(
            f"The array {name} is ambiguous: {', '.join(a.name for a in found[:5])}.",
            remedy="Write one of them in full.",
        )
    if not found:
        raise ArrayNotFoundError(
            f"There is no record of an array {name}.",
            remedy="`scar status` shows the arrays; records are kept for 90 days.",
        )
    if colon and not (index.isdecimal() and int(index) < found[0].count):
        raise ArrayNotFoundError(
            f"The array {name} has no child {index}.",
            remedy=f"Its children are 0 to {found[0].count - 1}.",
        )
    return found[0], int(index) if colon else None
