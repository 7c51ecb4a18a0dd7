"""Progress adds up the bytes of all threads; cancellation ends the waits between retries."""

from __future__ import annotations

import pytest

from scar.image.registry.upload_progress import UploadMonitor, UploadProgress


def test_a_line_shows_the_progress_of_all_uploads_together() -> None:
    shown: list[str] = []
    progress = UploadProgress(shown.append)
    progress.add_expected(3_000_000)
    progress.add_expected(1_000_000)
    progress.add_sent(1_000_000)
    progress.add_sent(3_000_000)
    assert shown == [
        f"Pushing [{'#' * 6}{'·' * 18}]  25%  1.0 of 4.0 MB",
        f"Pushing [{'#' * 24}] 100%  4.0 of 4.0 MB",
    ]


def test_lines_are_shown_ten_times_a_second_at_most() -> None:
    shown: list[str] = []
    times = iter([0.0, 0.05, 0.09, 0.11, 0.12])
    progress = UploadProgress(shown.append, clock=lambda: next(times))
    progress.add_expected(1000)
    for _ in range(5):
        progress.add_sent(10)
    assert len(shown) == 2


def test_a_wait_ends_as_soon_as_the_upload_is_cancelled() -> None:
    checks = []

    def check() -> None:
        checks.append(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        UploadMonitor(check_cancelled=check).sleep(3600)
    assert checks == [1]
