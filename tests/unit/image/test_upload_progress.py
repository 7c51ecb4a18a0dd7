"""Cancellation ends the waits between retries."""

from __future__ import annotations

import pytest

from scar.image.registry.upload_progress import UploadMonitor


def test_a_wait_ends_as_soon_as_the_upload_is_cancelled() -> None:
    checks = []

    def check() -> None:
        checks.append(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        UploadMonitor(check_cancelled=check).sleep(3600)
    assert checks == [1]
