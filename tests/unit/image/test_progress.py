"""Progress is counted by all threads together; what ends uploads ends their pauses."""

from __future__ import annotations

import pytest

from scar.image.registry.upload_progress import UploadMonitor, UploadProgress


def test_a_line_says_how_far_all_uploads_are_together() -> None:
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


def test_lines_come_ten_times_a_second_at_most() -> None:
    shown: list[str] = []
    times = iter([0.0, 0.05, 0.09, 0.11, 0.12])
    progress = UploadProgress(shown.append, clock=lambda: next(times))
    progress.add_expected(1000)
    for _ in range(5):
        progress.add_sent(10)
    assert len(shown) == 2


def test_a_pause_ends_as_soon_as_the_work_shall_end() -> None:
    looks = []

    def check() -> None:
        looks.append(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        UploadMonitor(check_cancelled=check).sleep(3600)
    assert looks == [1]
