"""Until when a throttled request to Batch is repeated in Lambda.

AWS takes 50 SubmitJob requests a second per account and Region, and does not raise that. When
thousands of files arrive at once, most requests are throttled at first: an invocation repeats its
request until its own deadline, less the time that it needs to record that the run waits.
"""

from __future__ import annotations

# Seconds before the deadline: two or three small writes to S3, and the response to Lambda. In mode
# lambda-batch the script is stopped timeout_threshold seconds (10 by default) before the deadline;
# the time from there to this reserve is what remains for a throttled submission.
RECORD_RESERVE = 3.0
# Of a very short time that is left, the part that is kept for the record.
RESERVED_PART = 0.25


def throttled_until(deadline: float | None, now: float) -> float | None:
    """Return the end of repetitions in epoch seconds; None for a process without a deadline."""
    if deadline is None:
        return None
    return deadline - min(RECORD_RESERVE, RESERVED_PART * max(0.0, deadline - now))
