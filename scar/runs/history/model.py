"""Everything about one run, as ``scar.runs.run_history`` collects it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from supervisor.model import format_place
from supervisor.runs import record_format

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.runs.batch_job import JobDetail
    from scar.runs.ledger import Run
    from supervisor.invocation import RunPath

RecordData = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputObject:
    """An uploaded file, with its size in bytes and the run whose output it replaced.

    ``provider`` is the FDL's name of its store, empty for the account's S3.
    """

    bucket: str
    key: str
    size: int
    provider: str = ""
    replaced: str = ""

    @property
    def place(self) -> str:
        return format_place(self.provider or "s3", f"{self.bucket}/{self.key}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHistory:
    """One run: its records by name, its job, the end of its log, upstream and downstream runs.

    ``made_by`` is the run that wrote the input file; ``triggered_runs`` are the runs that the
    outputs started, by the output's place (``s3://…``). ``job`` is None for a run in Lambda only.
    ``unusable`` is why Batch cannot start the job of a queued run: its queue or compute environment
    is INVALID. ``place`` is that of its RUNNABLE job in the queue, and why it waits.
    ``repeated_as`` is the run that continues a direct invocation that was retried.
    ``node_streams`` are the log streams of the nodes of a multi-node job, by number, and
    ``job_streams`` those of the attempts of each job that Batch still has, by the job's id.
    """

    run: Run
    records: Mapping[str, RecordData]
    job: JobDetail | None = None
    log_tail: tuple[str, ...] = ()
    made_by: RunPath | None = None
    triggered_runs: Mapping[str, tuple[Run, ...]]
    unusable: str = ""
    place: str = ""
    repeated_as: Run | None = None
    node_streams: Mapping[int, str] = field(default_factory=dict)
    job_streams: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def input(self) -> tuple[str, str] | None:
        """Return bucket and key of the input file, None for a direct invocation."""
        source = self.records.get(record_format.CLAIM, {}).get("input")
        if not isinstance(source, dict):
            return None
        return str(source.get("bucket", "")), str(source.get("key", ""))

    @property
    def input_provider(self) -> str:
        """Return the FDL's name of the store of the input file, ``s3`` for the account's."""
        source = self.records.get(record_format.CLAIM, {}).get("input")
        return str(source.get("provider", "s3")) if isinstance(source, dict) else "s3"

    @property
    def outputs(self) -> tuple[OutputObject, ...]:
        """Return the uploaded files."""
        return tuple(
            OutputObject(
                bucket=str(o["bucket"]),
                key=str(o["key"]),
                size=int(o["size"]),
                provider=str(o.get("provider", "")),
                replaced=str(o.get("replaced", "")),
            )
            for o in self._output_records
        )

    @property
    def _output_records(self) -> list[dict[str, Any]]:
        outputs = self.records.get(record_format.DONE, {}).get("outputs")
        return outputs if isinstance(outputs, list) else []
