"""Find runs: by run id, by input file, by output file."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from scar.aws.client import errors
from scar.errors import ScarError, UsageError
from scar.runs.arrays.array_search import find_array, is_array_name
from scar.runs.arrays.array_store import ArrayStore
from supervisor.execution.outputs import ROOT_KEY, RUN_KEY
from supervisor.invocation import ObjectEvent, RunPath
from supervisor.model import ObjectRef, VersionPin
from supervisor.runs import record_format

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_s3 import S3Client

    from scar.runs.ledger import Run, RunLedger

PARALLEL = 8
# A storage provider as the FDL names it, before the bucket.
_IN_MINIO = re.compile(r"(?P<provider>minio(\.[A-Za-z0-9_-]+)?):(?!//)")
MIN_ID_LENGTH = 6  # characters that the start of a run id must have


class RunNotFoundError(ScarError):
    """No record of the run exists."""


class InvalidUrlError(UsageError):
    """The text is not the URL of an object."""


class InvalidRunIdError(UsageError):
    """The text is no run id: it is too short."""


def find_run(ledger: RunLedger, text: str, functions: Iterable[str] = ()) -> Run:
    """Return the run of a run id, the start of one, or ``<function>/<date>/<run id>``.

    Or of a child of an array job, ``<array id>:<index>``.

    ``functions`` limits the search by id. Raise RunNotFoundError, InvalidRunIdError if the id is
    too short, or UsageError if it is ambiguous.
    """
    if ":" in text and is_array_name(text):
        array, index = find_array(ArrayStore.of(ledger), text, functions or ledger.list_functions())
        text = str(ArrayStore.of(ledger).read_runs(array)[index or 0])
    function, _, rest = text.strip("/").partition("/")
    day, _, run_id = rest.partition("/")
    if run_id:
        found = list(ledger.list_runs_with_id(function, run_id))
        # A run that `scar retry` has started before midnight may begin on the next day.
        matches = [run for run in found if run.path.date == day] or [
            run
            for run in found
            if run.path.run_id == run_id and record_format.REPEATS in run.record_times
        ]
    elif len(text) < MIN_ID_LENGTH:
        raise InvalidRunIdError(
            f"{text!r} is too short for a run id.",
            remedy=f"Write its first {MIN_ID_LENGTH} characters or more.",
        )
    else:
        matches = _search_functions(
            ledger, dict.fromkeys(functions or ledger.list_functions(), text)
        )
    exact = [run for run in matches if run.path.run_id == (run_id or text)]
    matches = exact or matches
    if len(matches) > 1:
        names = ", ".join(str(run.path) for run in matches[:5])
        raise UsageError(
            f"The run id {text} is ambiguous: {names}.", remedy="Write one of them in full."
        )
    if not matches:
        raise RunNotFoundError(
            f"There is no record of a run {text}.",
            remedy="`scar status` shows the latest runs; records are kept for 90 days.",
        )
    return matches[0]


def find_runs(ledger: RunLedger, texts: Iterable[str]) -> list[Run]:
    """Return the run of each text, as ``find_run`` does; search in parallel."""
    functions = ledger.list_functions()
    with ThreadPoolExecutor(PARALLEL) as pool:
        return list(pool.map(lambda text: find_run(ledger, text, functions), texts))


def find_runs_of_input(
    ledger: RunLedger, source: ObjectRef, functions: Iterable[str] = ()
) -> tuple[Run, ...]:
    """Return the runs on this object, in all its versions, oldest first."""
    id_prefixes = {
        name: input_id_prefix(name, source.bucket, source.key, source.provider)
        for name in functions or ledger.list_functions()
    }
    return tuple(sorted(_search_functions(ledger, id_prefixes), key=lambda run: run.started_at))


def find_producers(s3: S3Client, bucket: str, key: str) -> tuple[RunPath | None, RunPath | None]:
    """Return the run that wrote an object and the first run of its chain, from its metadata.

    Both are None if no run wrote it or if it does not exist. Raise ScarError if access is denied.
    """
    try:
        metadata = s3.head_object(Bucket=bucket, Key=key)["Metadata"]
    except ClientError as error:
        if errors.error_code(error) in ("404", "NoSuchKey", "NoSuchBucket"):
            return None, None
        raise errors.to_scar_error(error, f"read the metadata of s3://{bucket}/{key}") from error
    return parse_run_path(metadata.get(RUN_KEY, "")), parse_run_path(metadata.get(ROOT_KEY, ""))


def parse_run_path(text: str) -> RunPath | None:
    """Parse ``<function>/<date>/<run id>``, the form in an output's metadata; None if invalid."""
    parts = text.split("/")
    if len(parts) != 3 or not all(parts):
        return None
    return RunPath(function=parts[0], date=parts[1], run_id=parts[2])


def input_id_prefix(function: str, bucket: str, key: str, provider: str = "s3") -> str:
    """Return the start of the ids of all runs of this function on this object."""
    event = ObjectEvent(
        source=ObjectRef(provider, bucket, key),
        version=VersionPin(),
        sequencer="",
        time="",
        event="",
    )
    return record_format.input_id(function, event)


def parse_object(text: str) -> ObjectRef | None:
    """Parse ``s3://bucket/key`` or ``minio.lab:bucket/key``, as messages name objects.

    Return None for a text of another form; raise InvalidUrlError without bucket or key.
    """
    if text.startswith("s3://"):
        return ObjectRef("s3", *parse_s3_url(text))
    if not (found := _IN_MINIO.match(text)):
        return None
    bucket, _, key = text[found.end() :].partition("/")
    if not bucket or not key:
        raise InvalidUrlError(
            f"{text!r} does not name an object.",
            remedy=f"Write {found[0]}bucket/folder/file.",
        )
    return ObjectRef(found["provider"], bucket, key)


def require_object(text: str) -> ObjectRef:
    """Parse the name of an object as ``parse_object`` does; raise InvalidUrlError for others."""
    return parse_object(text) or ObjectRef("s3", *parse_s3_url(text))


def parse_s3_url(url: str) -> tuple[str, str]:
    """Split ``s3://bucket/key``; raise InvalidUrlError for anything else."""
    parts = urlsplit(url, allow_fragments=False)
    bucket, _, key = url.removeprefix("s3://").partition("/")
    if parts.scheme != "s3" or not bucket or not key:
        raise InvalidUrlError(
            f"{url!r} is not the URL of an object.", remedy="Write s3://bucket/folder/file."
        )
    return bucket, key


def _search_functions(ledger: RunLedger, id_prefixes: dict[str, str]) -> list[Run]:
    """Return the runs whose id begins with their function's prefix; search in parallel."""
    with ThreadPoolExecutor(PARALLEL) as pool:
        matches = pool.map(lambda item: list(ledger.list_runs_with_id(*item)), id_prefixes.items())
        return [run for runs in matches for run in runs]
