"""How often the invocations of one chain have started each function: AWS's loop detection.

The chain is carried by the trace id: Lambda gives it to an invocation, AWS's SDKs and the
supervisor send it with their requests (header X-Amzn-Trace-Id), and S3 with the event to Lambda.
Its field ``Lineage`` has one ``<function>:<count>`` per function, separated by ``|``; AWS does not
document the field. https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.local.lambda_.model import DeployedFunction

MAX_INVOCATIONS: Final = 16  # of one function in a chain; "approximately 16" on AWS
MAX_LENGTH: Final = 1024  # characters; a longer header begins a new chain
RECURSION_ERROR: Final = "RecursiveInvocationException"
RECURSION_MESSAGE: Final = (
    "Lambda has detected your function being invoked in a recursive loop with other Amazon Web"
    " Services resources and stopped your function's invocation."
)
_MAX_FUNCTIONS = 32  # as many runs as a chain may have by default
_ROOT = re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{24}")
_ENTRY = re.compile(r"([0-9a-f]{8}):(\d{1,3})")


@dataclass(frozen=True, slots=True)
class InvocationChain:
    """The root of a trace, and the number of invocations of each function by its hash."""

    root: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)

    def is_recursive(self, function: DeployedFunction) -> bool:
        """Return whether the next invocation of the function must be stopped."""
        count = self.counts.get(_hash_arn(function.arn), 0)
        return count >= MAX_INVOCATIONS and not function.allow_loop

    def trace_id(self, function_arn: str, now: float) -> str:
        """Return the trace id of the next invocation, of this function; ``now`` in seconds."""
        own = _hash_arn(function_arn)
        # The function is moved to the end: beyond the maximum those not invoked for long go first.
        counts = {name: count for name, count in self.counts.items() if name != own}
        counts[own] = min(self.counts.get(own, 0) + 1, 999)
        entries = list(counts.items())[-_MAX_FUNCTIONS:]
        root = self.root or f"1-{int(now):08x}-{secrets.token_hex(12)}"
        lineage = "|".join(f"{name}:{count}" for name, count in entries)
        return f"Root={root};Parent={secrets.token_hex(8)};Sampled=0;Lineage={lineage}"


def decode_trace_header(value: str) -> str:
    """Return the trace id in a request's header, or an empty text if it is too long for one."""
    return unquote(value) if len(value) <= MAX_LENGTH else ""


def parse_chain(trace: str) -> InvocationChain:
    """Parse a trace id; what is not valid counts as absent, since any client may send it."""
    fields = dict(part.strip().partition("=")[::2] for part in trace.split(";"))
    root = fields.get("Root", "")
    entries = (_ENTRY.fullmatch(entry) for entry in fields.get("Lineage", "").split("|"))
    return InvocationChain(
        root if _ROOT.fullmatch(root) else "",
        {entry[1]: int(entry[2]) for entry in entries if entry},
    )


def recursion_response() -> bytes:
    """Return the payload in the invocation record of an event that was stopped."""
    return json.dumps({"errorType": RECURSION_ERROR, "errorMessage": RECURSION_MESSAGE}).encode()


@functools.lru_cache(maxsize=256)
def _hash_arn(arn: str) -> str:
    return hashlib.sha256(arn.encode()).hexdigest()[:8]
