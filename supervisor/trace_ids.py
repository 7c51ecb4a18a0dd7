"""The trace id of an invocation, which AWS's services and tools pass on."""

from __future__ import annotations

# Set by the Runtime API's contract in Lambda, and by the submission in Batch; read by AWS's SDKs.
TRACE_VARIABLE = "_X_AMZN_TRACE_ID"
# Characters; Lambda sends about 120. The job's environment, which is limited, holds it too.
MAX_TRACE_ID = 1024


def valid_trace_id(text: str) -> str:
    """Return the trace id if it can be sent as a header, else an empty text.

    In Batch it comes from the job's environment, which any caller of SubmitJob may set.
    """
    is_valid = len(text) <= MAX_TRACE_ID and text.isascii() and text.isprintable()
    return text if is_valid else ""
