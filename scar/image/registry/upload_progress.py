"""Reports the progress of uploads, and cancels them; shared by the uploading threads."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.meter import Meter

if TYPE_CHECKING:
    from collections.abc import Callable

_CHECK_INTERVAL = 0.2  # seconds between two checks for cancellation during a wait


def never_cancel() -> None:
    """Do nothing: the default check, which never cancels."""


def upload_meter(show: Callable[[str], None] | None = None) -> Meter:
    """Return a meter for uploads of layers; ``show`` is called with its lines."""
    return Meter("Uploading", "layer", show) if show else Meter("Uploading", "layer")


@dataclass(frozen=True, slots=True)
class UploadMonitor:
    """Progress and cancellation of uploads.

    ``check_cancelled`` raises an exception to cancel them, for example after Ctrl-C.
    """

    meter: Meter = field(default_factory=upload_meter)
    check_cancelled: Callable[[], None] = never_cancel

    def add_sent(self, count: int) -> None:
        """Add bytes that were sent, and raise what ``check_cancelled`` raises."""
        self.meter.add_bytes(count)
        self.check_cancelled()

    def sleep(self, seconds: float) -> None:
        """Sleep; an exception of ``check_cancelled`` ends it early."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.check_cancelled()
            time.sleep(min(left, _CHECK_INTERVAL))
