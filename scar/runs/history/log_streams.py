"""The log streams of one run: of Lambda's requests, of each job's attempts, of nodes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scar.aws.model import names
from scar.runs.history.record_order import sort_records
from supervisor.runs import node_records, record_format

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from scar.runs.history.model import RecordData, RunHistory
    from scar.runs.log_groups.lines import LogLine


def list_log_streams(history: RunHistory) -> Iterator[tuple[str, str, str]]:
    """Yield log group, log stream and request id of each log of the run, oldest first.

    The request id is empty for a job: its stream belongs to one attempt, while a stream of
    Lambda has the lines of many requests.
    """
    function = history.run.path.function
    yielded: set[tuple[str, str]] = set()
    # Before the main node's, which says why the run failed; after it the cause: the failed node's.
    *others, failed = _streams_of_other_nodes(history)
    yield from ((names.batch_log_group(function), stream, "") for stream in others if stream)
    for name in sort_records(history.run.record_times, history.records):
        for stream, request in _streams_of_record(history, name, history.records[name]):
            if stream not in yielded:
                yielded.add(stream)
                yield *stream, request
    job = history.job
    # An attempt that ended before it wrote a record has a stream too.
    if job is not None and job.log_stream:
        stream = names.batch_log_group(function), job.log_stream
        if stream not in yielded:
            yield *stream, ""
    if failed:
        yield names.batch_log_group(function), failed, ""


def number_nodes(history: RunHistory, lines: Iterable[LogLine]) -> Iterator[LogLine]:
    """Yield the lines of the run's logs, with the numbers of the nodes of a multi-node job."""
    numbers = {stream: number for number, stream in history.node_streams.items()}
    return (replace(line, node=numbers.get(line.stream)) for line in lines)


def _streams_of_other_nodes(history: RunHistory) -> list[str]:
    """Return the log streams of the nodes without the main one's; last that of the failed node."""
    failures = [r for name, r in history.records.items() if node_records.is_of_failure(name)]
    main = {str(record.get("log_stream", "")) for record in history.records.values()}
    main.add(history.job.log_stream if history.job else "")
    streams = [s for _, s in sorted(history.node_streams.items()) if s not in main]
    index = failures[-1].get("index") if failures else None
    cause = history.node_streams.get(index, "") if isinstance(index, int) else ""
    return [*(stream for stream in streams if stream != cause), cause]


def _streams_of_record(
    history: RunHistory, name: str, record: RecordData
) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield log group and stream, and the request id, of what a record names.

    Of a job all attempts: one that was killed early has left no record. The last one comes later.
    """
    group = names.batch_log_group(history.run.path.function)
    last = history.job.log_stream if history.job else ""
    owner = record.get("owner")
    if not isinstance(owner, dict):
        return
    job, request = str(owner.get("job") or ""), str(owner.get("request", ""))
    submitted = str(record.get("job") or "") if record_format.submission_number(name) else ""
    streams = history.job_streams
    yield from (((group, stream), "") for stream in streams.get(job, ()) if stream != last)
    own = str(record.get("log_group", "")), str(record.get("log_stream", ""))
    if all(own):
        yield own, "" if job else request
    yield from (((group, stream), "") for stream in streams.get(submitted, ()) if stream != last)
