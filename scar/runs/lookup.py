"""Find runs: by their id, by the file they read, by the file they made."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from scar.aws.client import errors as faults
from scar.errors import ScarError, UsageError
from supervisor.execution.outputs import ROOT_KEY, RUN_KEY
from supervisor.invocation import ObjectEvent, RunPath
from supervisor.model import ObjectRef, VersionPin
from supervisor.runs import record_format as records

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mypy_boto3_s3 import S3Client

    from scar.runs.ledger import Run, RunLedger

PARALLEL = 8
MIN_ID_LENGTH = 6  # characters of a run id that may stand for it


class RunNotFoundError(ScarError):
    """There is no record of such a run."""


def find_run(ledger: RunLedger, text: str, functions: Iterable[str] = ()) -> Run:
    """Return the run called ``<run id>``, the start of one, or ``<function>/<date>/<run id>``.

    Raise NoSuchRun, or UsageError if several runs begin so.
    """
    function, _, rest = text.strip("/").partition("/")
    day, _, run_id = rest.partition("/")
    if run_id:
        found = [run for run in ledger.list_runs_with_id(function, run_id) if run.path.date == day]
    elif len(text) < MIN_ID_LENGTH:
        raise UsageError(
            f"{text!r} is too short for a run.", remedy=f"Give {MIN_ID_LENGTH} characters or more."
        )
    else:
        found = _search_functions(ledger, dict.fromkeys(functions or ledger.list_functions(), text))
    exact = [run for run in found if run.path.run_id == (run_id or text)]
    if len(exact or found) > 1:
        names = ", ".join(str(run.path) for run in (exact or found)[:5])
        raise UsageError(f"Several runs are called {text}: {names}.", remedy="Give one in full.")
    if not found:
        raise RunNotFoundError(
            f"There is no record of a run {text}.",
            remedy="`scar status` shows the latest runs; records are kept for 90 days.",
        )
    return (exact or found)[0]


def find_runs_of_input(
    ledger: RunLedger, bucket: str, key: str, functions: Iterable[str] = ()
) -> tuple[Run, ...]:
    """Return the runs that had this object as their input, in all its versions, oldest first."""
    wanted = {
        name: input_id_prefix(name, bucket, key) for name in functions or ledger.list_functions()
    }
    return tuple(sorted(_search_functions(ledger, wanted), key=lambda run: run.started_at))


def read_input_urls(ledger: RunLedger, runs: Sequence[Run]) -> dict[RunPath, str]:
    """Name the files of these runs as ``s3://bucket/key``; empty for direct calls."""

    def read(run: Run) -> str:
        said = (ledger.read_record(run.path, records.CLAIM) or {}).get("input")
        return "s3://{bucket}/{key}".format_map(said) if isinstance(said, dict) else ""

    with ThreadPoolExecutor(PARALLEL) as pool:
        return dict(zip((run.path for run in runs), pool.map(read, runs), strict=True))


def find_producers(s3: S3Client, bucket: str, key: str) -> tuple[RunPath | None, RunPath | None]:
    """Return the run that made an object and the first one of its chain; None if none did.

    Raise ScarError if there is no such object or it cannot be looked at.
    """
    try:
        found = s3.head_object(Bucket=bucket, Key=key)["Metadata"]
    except ClientError as error:
        if faults.error_code(error) in ("404", "NoSuchKey", "NoSuchBucket"):
            return None, None
        raise faults.to_scar_error(error, f"look at s3://{bucket}/{key}") from error
    return parse_run_path(found.get(RUN_KEY, "")), parse_run_path(found.get(ROOT_KEY, ""))


def parse_run_path(text: str) -> RunPath | None:
    """Read ``<function>/<date>/<run id>`` as outputs carry it."""
    parts = text.split("/")
    if len(parts) != 3 or not all(parts):
        return None
    return RunPath(function=parts[0], date=parts[1], run_id=parts[2])


def input_id_prefix(function: str, bucket: str, key: str) -> str:
    """Return what the ids of all runs of this function on this object begin with."""
    announced = ObjectEvent(
        source=ObjectRef("s3", bucket, key),
        version=VersionPin(),
        sequencer="",
        time="",
        event="",
    )
    return records.input_id(function, announced)


def parse_s3_url(url: str) -> tuple[str, str]:
    """Split ``s3://bucket/key``; raise UsageError for anything else."""
    parts = urlsplit(url, allow_fragments=False)
    bucket, _, key = url.removeprefix("s3://").partition("/")
    if parts.scheme != "s3" or not bucket or not key or key.endswith("/"):
        raise UsageError(f"{url!r} is no file.", remedy="Write s3://bucket/folder/file.")
    return bucket, key


def _search_functions(ledger: RunLedger, wanted: dict[str, str]) -> list[Run]:
    """Look for ids that begin so, each with its function, several functions at a time."""
    with ThreadPoolExecutor(PARALLEL) as pool:
        found = pool.map(lambda item: list(ledger.list_runs_with_id(*item)), wanted.items())
        return [run for runs in found for run in runs]
