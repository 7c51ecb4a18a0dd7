"""Everything that is known about one run, gathered from records, Batch and logs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scar.aws.model import names
from scar.errors import ScarError
from scar.runs import batch_job as jobs
from scar.runs import lookup as find
from scar.runs.states import State
from supervisor.runs import record_format as records

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scar.aws.client.connection import Connection
    from scar.runs.batch_job import Job
    from scar.runs.ledger import Ledger, Run
    from supervisor.invocation import RunPath

Record = dict[str, object]
MOST_OUTPUTS = 20  # whose further way is followed
TAIL = 20  # lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One run: its records by name, its job, the end of its log, and its neighbours.

    ``made_by`` is the run that made the input; ``triggered`` are the runs that its outputs
    started, by output.
    """

    run: Run
    records: Mapping[str, Record]
    job: Job | None = None
    tail: tuple[str, ...] = ()
    made_by: RunPath | None = None
    triggered: Mapping[str, tuple[Run, ...]]

    @property
    def input(self) -> tuple[str, str] | None:
        """Bucket and key of the file, None for a direct call."""
        said = self.records.get(records.CLAIM, {}).get("input")
        if not isinstance(said, dict):
            return None
        return str(said.get("bucket", "")), str(said.get("key", ""))

    @property
    def outputs(self) -> tuple[tuple[str, str, int], ...]:
        """Bucket, key and size in bytes of what the run made."""
        return tuple((str(o["bucket"]), str(o["key"]), int(o["size"])) for o in self._made)

    @property
    def replaced(self) -> Mapping[tuple[str, str], str]:
        """The runs whose results, of other files, these outputs took the place of."""
        made = ((str(o["bucket"]), str(o["key"]), str(o.get("replaced", ""))) for o in self._made)
        return {(bucket, key): run for bucket, key, run in made if run}

    @property
    def _made(self) -> list[dict[str, Any]]:
        made = self.records.get(records.DONE, {}).get("outputs")
        return made if isinstance(made, list) else []


def tell(connection: Connection, ledger: Ledger, run: Run) -> Story:
    """Gather the story of a run; raise ScarError. Batch and logs may have forgotten it."""
    found = _read(ledger, run)
    job = jobs.noted(connection.client("batch"), found.get(records.DELEGATED, {}))
    if job is not None:
        listed, run = run, jobs.judged(ledger, run, job)
        found = found if run.written == listed.written else _read(ledger, run)
    story = Story(run=run, records=found, job=job, triggered={})
    return Story(
        run=run,
        records=found,
        job=job,
        tail=_tail(connection, story) if run.state in (State.FAILED, State.LOST) else (),
        made_by=find.making(connection.client("s3"), *story.input)[0] if story.input else None,
        triggered=_triggered(ledger, story),
    )


def _read(ledger: Ledger, run: Run) -> dict[str, Record]:
    names = (name for name in run.written if name != records.EVENT)
    read = ((name, ledger.read(run.path, name)) for name in names)
    return {name: record for name, record in read if record is not None}


def _triggered(ledger: Ledger, story: Story) -> dict[str, tuple[Run, ...]]:
    functions = ledger.functions() if story.outputs else ()
    started = {
        f"s3://{bucket}/{key}": find.reading(ledger, bucket, key, functions)
        for bucket, key, _ in story.outputs[:MOST_OUTPUTS]
    }
    return {output: runs for output, runs in started.items() if runs}


def _tail(connection: Connection, story: Story) -> tuple[str, ...]:
    """Return the last lines of the newest log that the run is known to have."""
    from scar.runs.logs import last_lines

    for group, stream, request in reversed(list(log_places(story))):
        try:
            lines = last_lines(connection, group, stream, request, TAIL)
        except ScarError:  # a log that may not be read, or is gone, leaves the rest to tell
            continue
        if lines:
            return lines
    return ()


def log_places(story: Story) -> Iterator[tuple[str, str, str]]:
    """Yield log group, stream and request of every log that the run is known to have.

    The request is empty for jobs, whose streams are theirs alone.
    """
    function = story.run.path.function
    seen: set[tuple[str, str]] = set()
    for name in sorted(story.records, key=lambda name: (story.run.written[name], name)):
        record = story.records[name]
        place = str(record.get("log_group", "")), str(record.get("log_stream", ""))
        owner = record.get("owner")
        if all(place) and place not in seen and isinstance(owner, dict):
            seen.add(place)
            yield *place, "" if owner.get("job") else str(owner.get("request", ""))
    job = story.job
    if job is not None and job.log_stream:
        place = names.batch_log_group(function), job.log_stream
        if place not in seen:
            yield *place, ""
