"""Repeat a direct request as the SDK's clients of this program do.

Throttled ones wait as ``call_waits`` describes; others that may pass are sent a few times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from scar.aws.client.throttling import ErrorResponse
from supervisor.aws.errors import AwsError, AwsErrorResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.aws.client.call_waits import CallWaits, Repetitions

T = TypeVar("T")
MAX_ATTEMPTS = 5  # of a request that fails without being throttled
_MAX_PAUSE = 20.0  # seconds


def send_repeatedly(
    send: Callable[[], T],
    operation: str,
    *,
    waits: CallWaits,
    url: str,
    subject: str = "",
    correct: Callable[[AwsError], bool] = lambda _: False,
) -> T:
    """Call ``send`` until it succeeds, or fails for good; raise the SDK's errors then.

    ``correct`` may remove the cause of an error, so that the request is sent again at once.
    """
    attempts = _FailedAttempts(waits, operation, subject)
    while True:
        try:
            return send()
        except AwsError as error:
            if not correct(error) and not attempts.pause_after(error):
                from scar.aws.client.direct.sdk_errors import to_sdk_error

                translated = to_sdk_error(error, operation, url, attempts.waited)
                if translated is error:
                    raise
                raise translated from error


class _FailedAttempts:
    """The failed attempts of one request."""

    def __init__(self, waits: CallWaits, operation: str, subject: str) -> None:
        self._waits = waits
        self._operation = operation
        self._subject = subject
        self._failed = 0
        self._throttled: Repetitions | None = None
        self.waited: dict[str, object] | None = None

    def pause_after(self, error: AwsError) -> bool:
        """Pause, and return whether to send the request again."""
        if isinstance(error, AwsErrorResponse) and error.throttled:
            return self._wait_for_rate(error)
        self._failed += 1
        if not error.transient or self._failed >= MAX_ATTEMPTS:
            return False
        self._waits.pause(self._waits.jitter(min(_MAX_PAUSE, 2.0 ** (self._failed - 1))))
        return True

    def _wait_for_rate(self, error: AwsErrorResponse) -> bool:
        waits = self._waits
        self._throttled = self._throttled or waits.start_repetitions()
        found = ErrorResponse(
            service="s3", operation=self._operation, code=error.code, message=error.message
        )
        self.waited = waits.wait_for_rate(self._throttled, found, self._subject)
        return self.waited is None
