"""Divide events into groups whose jobs request the same: the children of an array have one size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supervisor.batch.array_manifest import MIN_CHILDREN
from supervisor.batch.job_options import choose_options
from supervisor.errors import EventError
from supervisor.job_model import JobOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from supervisor.invocation import Trigger
    from supervisor.job_model import BatchTarget

    Groups = list[tuple[JobOptions, list[int]]]


def group_events(
    target: BatchTarget, triggers: Sequence[Trigger]
) -> tuple[Groups, dict[int, JobOptions]]:
    """Return the options and indexes of the events of each group, and the remaining events.

    A group has two events at least. Those that remain, with their options by index, are to be
    ordinary runs: the only ones of their size, or with options that the function's jobs cannot
    have, which the run itself reports. All events of a multi-node function remain: AWS Batch has no
    arrays of such jobs.
    """
    groups: dict[JobOptions, list[int]] = {}
    remaining: dict[int, JobOptions] = {}
    for index, trigger in enumerate(triggers):
        try:
            options = choose_options(target, trigger)
        except EventError:
            remaining[index] = JobOptions()
            continue
        if target.nodes is not None or options.nodes:
            remaining[index] = options
        else:
            groups.setdefault(options, []).append(index)
    for options, indexes in groups.items():
        if len(indexes) < MIN_CHILDREN:
            remaining |= dict.fromkeys(indexes, options)
    large = [(o, indexes) for o, indexes in groups.items() if len(indexes) >= MIN_CHILDREN]
    return large, dict(sorted(remaining.items()))
