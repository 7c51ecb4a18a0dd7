"""Outputs that are too large for a response: stored, and answered by where they are."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.errors import OutputError, PreconditionFailed
from supervisor.events.response_body import BINARY, LARGEST_OUTPUT, TEXT
from supervisor.model import IfNoneMatch, ObjectRef

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisor.endpoint.output_spool import OutputSpool
    from supervisor.errors import SupervisorError
    from supervisor.invocation import RunPath
    from supervisor.model import FunctionConfig
    from supervisor.ports import EndpointServices, ObjectStore

# The metadata that says what type a result has.
TYPE_KEY = "scar-content-type"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the caller gets: the output, or the URL of it, or why there is neither."""

    output: bytes = b""
    location: str = ""
    problem: SupervisorError | None = None


def answer_with_output(
    spool: OutputSpool,
    tail: bytes,
    run: RunPath,
    config: FunctionConfig,
    open_services: Callable[[], EndpointServices],
    open_store: Callable[[str], ObjectStore],
) -> Answer:
    """Return the complete output of a script that succeeded; ``tail`` is its end.

    Raise StorageError if it cannot be stored.
    """
    if spool.problem:
        return Answer(
            problem=OutputError(
                f"The run {run.run_id} is done, but its output cannot be returned:"
                f" {spool.problem}.",
                remedy="Let the script write large results to $TMP_OUTPUT_DIR.",
            )
        )
    if spool.size <= len(tail):
        return Answer(output=tail)
    if spool.size <= LARGEST_OUTPUT or config.endpoint is None:
        # Without an endpoint the response is cut, and says so.
        return Answer(output=spool.read(max(0, spool.size - LARGEST_OUTPUT - 1)))
    ref = ObjectRef("s3", config.state_bucket, f"results/{config.name}/{run.run_id}")
    content_type = _store_once(spool, ref, open_store("s3"))
    return Answer(location=open_services().sign_download(ref, content_type))


def _store_once(spool: OutputSpool, ref: ObjectRef, store: ObjectStore) -> str:
    """Store the output unless another attempt of the run has; return the stored one's type."""
    content_type = TEXT if _is_text(spool) else BINARY
    try:
        metadata = {TYPE_KEY: content_type}
        store.upload(spool.to_open_file(), ref, condition=IfNoneMatch(), metadata=metadata)
    except PreconditionFailed:
        stored = store.head(ref)
        return stored.metadata.get(TYPE_KEY, content_type) if stored else content_type
    return content_type


def _is_text(spool: OutputSpool) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    file = spool.to_open_file()
    offset = 0
    try:
        while data := file.read_at(offset, 1 << 20):
            decoder.decode(data)
            offset += len(data)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
