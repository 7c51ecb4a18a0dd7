"""Everything that is known about one run, gathered from records, Batch and logs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scar.aws.model import names
from scar.errors import ScarError
from scar.runs import batch_job as jobs
from scar.runs import lookup as find
from scar.runs.states import RunState
from supervisor.runs import record_format as records

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scar.aws.client.connection import AwsConnection
    from scar.runs.batch_job import JobDetail
    from scar.runs.ledger import Run, RunLedger
    from supervisor.invocation import RunPath

RecordData = dict[str, object]
MAX_OUTPUTS = 20  # whose further way is followed
LOG_TAIL_LINES = 20  # lines


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHistory:
    """One run: its records by name, its job, the end of its log, and its neighbours.

    ``made_by`` is the run that made the input; ``triggered`` are the runs that its outputs
    started, by output.
    """

    run: Run
    records: Mapping[str, RecordData]
    job: JobDetail | None = None
    log_tail: tuple[str, ...] = ()
    made_by: RunPath | None = None
    triggered_runs: Mapping[str, tuple[Run, ...]]

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
        return tuple(
            (str(o["bucket"]), str(o["key"]), int(o["size"])) for o in self._output_records
        )

    @property
    def replaced_runs(self) -> Mapping[tuple[str, str], str]:
        """The runs whose results, of other files, these outputs took the place of."""
        made = (
            (str(o["bucket"]), str(o["key"]), str(o.get("replaced", "")))
            for o in self._output_records
        )
        return {(bucket, key): run for bucket, key, run in made if run}

    @property
    def _output_records(self) -> list[dict[str, Any]]:
        made = self.records.get(records.DONE, {}).get("outputs")
        return made if isinstance(made, list) else []


def read_history(connection: AwsConnection, ledger: RunLedger, run: Run) -> RunHistory:
    """Gather the story of a run; raise ScarError. Batch and logs may have forgotten it."""
    found = _read_records(ledger, run)
    job = jobs.find_job(connection.client("batch"), found.get(records.DELEGATED, {}))
    if job is not None:
        listed, run = run, jobs.apply_job_state(ledger, run, job)
        found = found if run.record_times == listed.record_times else _read_records(ledger, run)
    story = RunHistory(run=run, records=found, job=job, triggered_runs={})
    return RunHistory(
        run=run,
        records=found,
        job=job,
        log_tail=_read_log_tail(connection, story)
        if run.state in (RunState.FAILED, RunState.LOST)
        else (),
        made_by=find.find_producers(connection.client("s3"), *story.input)[0]
        if story.input
        else None,
        triggered_runs=_find_triggered_runs(ledger, story),
    )


def _read_records(ledger: RunLedger, run: Run) -> dict[str, RecordData]:
    names = (name for name in run.record_times if name != records.EVENT)
    read = ((name, ledger.read_record(run.path, name)) for name in names)
    return {name: record for name, record in read if record is not None}


def _find_triggered_runs(ledger: RunLedger, story: RunHistory) -> dict[str, tuple[Run, ...]]:
    functions = ledger.list_functions() if story.outputs else ()
    started = {
        f"s3://{bucket}/{key}": find.find_runs_of_input(ledger, bucket, key, functions)
        for bucket, key, _ in story.outputs[:MAX_OUTPUTS]
    }
    return {output: runs for output, runs in started.items() if runs}


def _read_log_tail(connection: AwsConnection, story: RunHistory) -> tuple[str, ...]:
    """Return the last lines of the newest log that the run is known to have."""
    from scar.runs.logs import read_last_lines

    for group, stream, request in reversed(list(list_log_streams(story))):
        try:
            lines = read_last_lines(connection, group, stream, request, LOG_TAIL_LINES)
        except ScarError:  # a log that may not be read, or is gone, leaves the rest to tell
            continue
        if lines:
            return lines
    return ()


def list_log_streams(story: RunHistory) -> Iterator[tuple[str, str, str]]:
    """Yield log group, stream and request of every log that the run is known to have.

    The request is empty for jobs, whose streams are theirs alone.
    """
    function = story.run.path.function
    seen: set[tuple[str, str]] = set()
    for name in sorted(story.records, key=lambda name: (story.run.record_times[name], name)):
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
