"""The order of a run's records: by time, and by cause and effect within a second.

S3's times are whole seconds. Within one, the order is that in which supervisors write records:
Lambda claims a run and submits its first job; a job claims the run, starts an attempt, and may
submit the run's next job before it ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.runs.states import BEFORE_CLAIM
from supervisor.runs import record_format

if TYPE_CHECKING:
    from collections.abc import Mapping

# Steps of one job of a run; the steps of the next job come after all of them.
_SUBMITTED, _CLAIMED, _STARTED = range(3)
_AT_THE_END = 1 << 30  # larger than the number of any job
_ENDS = (record_format.ERROR, record_format.RETRY, record_format.REPEATED, record_format.DONE)


def sort_records(
    times: Mapping[str, float], records: Mapping[str, Mapping[str, object]]
) -> list[str]:
    """Return the names of the records, oldest first; ``times`` are when they were written."""
    return sorted(records, key=lambda name: (int(times[name]), *_rank(name, records[name]), name))


def _rank(name: str, record: Mapping[str, object]) -> tuple[int, int, int]:
    """Return the number of the run's job (0: before all), the step of it, and the attempt."""
    if name in BEFORE_CLAIM:
        return (-1, 0, 0)
    if name == record_format.CLAIM:
        return _rank_claim(record)
    if name == record_format.WAITING:
        return (0, _STARTED, 0)
    if number := record_format.submission_number(name):
        return (number, _SUBMITTED, 0)
    if name.startswith(record_format.ATTEMPT_PREFIX):
        attempt, _, index = record_format.parse_attempt(name)
        # A child of an array is always the first job of its run.
        job, is_later, last = attempt.partition(".") if index is None else (attempt, "", "")
        return (_number(job), _STARTED, _number(last)) if is_later else (1, _STARTED, _number(job))
    return (_AT_THE_END, _ENDS.index(name) if name in _ENDS else 0, 0)


def _rank_claim(record: Mapping[str, object]) -> tuple[int, int, int]:
    owner = record.get("owner")
    if not (isinstance(owner, dict) and owner.get("job")):
        return (0, _CLAIMED, 0)
    number = record.get("job_number")
    return (number if isinstance(number, int) else 1, _CLAIMED, 0)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 1
