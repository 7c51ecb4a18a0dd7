"""Lists of jobs on narrow terminals."""

from __future__ import annotations

import pytest

from scar.cli.commands.job.job_output import show_jobs
from scar.cli.session import Session
from scar.runs.jobs.model import Job
from tests.fakes.services import FakeServices

IDS = ("3f9c2a1b-aaaa:17", "3f9c2a1b-bbbb#2", "11111111-cccc")
JOBS = [Job(id=id_, name=f"genomes-{'x' * 60}{n}", state="RUNNING") for n, id_ in enumerate(IDS)]


@pytest.mark.parametrize("columns", [80, 100])
def test_a_list_fits_a_terminal_and_its_ids_are_accepted(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    show_jobs(Session(services=FakeServices({})), JOBS)
    _, *rows = capsys.readouterr().out.splitlines()
    assert all(len(row) <= columns for row in rows)
    assert [row.split()[-1] for row in rows] == ["3f9c2a1b-a:17", "3f9c2a1b-b#2", "11111111-c"]
    assert all("…" in row for row in rows)


def test_a_list_in_a_pipe_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    show_jobs(Session(services=FakeServices({})), JOBS)
    shown = capsys.readouterr().out
    assert all(job.id in shown and job.name in shown for job in JOBS)
