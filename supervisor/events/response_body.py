"""What all responses have in common: how large they may be, and the names of their headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supervisor.sentences import join_sentences

if TYPE_CHECKING:
    from supervisor.errors import SupervisorError

# Lambda's limit for the response of a synchronous invocation, less room for headers and braces.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_BODY = 6 * 1024 * 1024 - 4096
# The largest output in a response. Base64 encodes three bytes as four characters.
LARGEST_OUTPUT = MAX_BODY // 4 * 3
TRUNCATION_NOTICE = b"[The beginning of the output is only in the log.]\n"
# The runs that continue in Batch and their job ids, comma-separated, in the same order. Programs
# must not parse the body for this: a script may print the same sentence. Responses to HTTP requests
# always have the run.
RUN_HEADER, JOB_HEADER = "x-scar-run-id", "x-scar-job-id"
# How the script of a failed HTTP request ended, as a shell reports it.
STATUS_HEADER = "x-scar-script-status"
TEXT, BINARY = "text/plain; charset=utf-8", "application/octet-stream"


def cut_output(output: bytes) -> bytes:
    """Return the end of an output that fits in a response, with a note if something is missing."""
    if len(output) <= LARGEST_OUTPUT:
        return output
    return TRUNCATION_NOTICE + output[len(output) - LARGEST_OUTPUT + len(TRUNCATION_NOTICE) :]


def error_text(error: SupervisorError) -> bytes:
    """Return problem and remedy as the body of a response."""
    text = join_sentences(error.problem, error.remedy)
    # Names in the problem may have bytes that are not UTF-8.
    return f"{text}\n".encode("utf-8", "backslashreplace")
