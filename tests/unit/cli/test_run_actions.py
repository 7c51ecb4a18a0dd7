"""Actions on many runs: parallel, with what was done shown also after an error or Ctrl-C."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from scar.cli.commands.cancel import cancel_named_run
from scar.cli.run_actions import PARALLEL, RunAction, apply_to_runs
from scar.cli.session import Session
from scar.errors import ScarError
from scar.runs.cancel import NotCancellableError
from scar.runs.ledger import Run
from scar.runs.states import RunState
from supervisor.invocation import RunPath
from tests.fakes.services import FakeServices, function_summary

if TYPE_CHECKING:
    from collections.abc import Callable


def runs(number: int) -> list[Run]:
    return [
        Run(
            path=RunPath(function="fn", date="2026-09-21", run_id=f"{n:032x}"),
            state=RunState.QUEUED,
            record_times={"claim": 1.0},
        )
        for n in range(number)
    ]


def cancelling(apply: Callable[[Run], str]) -> RunAction:
    return RunAction(apply=apply, refusal=NotCancellableError, verb="Cancelled")


def test_thousands_of_runs_are_changed_by_few_threads(capsys: pytest.CaptureFixture[str]) -> None:
    threads = set()

    def apply(run: Run) -> str:
        threads.add(threading.get_ident())
        return f"job-{run.path.run_id}"

    assert apply_to_runs(Session(services=FakeServices({})), runs(3000), cancelling(apply)) == []
    assert len(threads) <= PARALLEL
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 3000
    assert "Cancelled 3,000 runs." in shown.err


def test_a_refusal_concerns_one_run(capsys: pytest.CaptureFixture[str]) -> None:
    some = runs(5)

    def apply(run: Run) -> str:
        if run is some[2]:
            raise NotCancellableError("It has ended.", remedy="None.")
        return "job"

    refused = apply_to_runs(Session(services=FakeServices({})), some, cancelling(apply))
    assert [error.problem for error in refused] == ["It has ended."]
    assert "Cancelled 4 runs." in capsys.readouterr().err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ScarError("Denied.", remedy="Ask.")])
def test_what_was_done_before_an_interruption_is_shown(
    capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    some = runs(200)
    session = Session(services=FakeServices({}))
    session.json = True
    changed = []

    def apply(run: Run) -> str:
        if run is some[50]:
            raise error
        changed.append(str(run.path))
        return "job"

    with pytest.raises(type(error)):
        apply_to_runs(session, some, cancelling(apply))
    shown = capsys.readouterr()
    assert sorted(entry["run"] for entry in json.loads(shown.out)) == sorted(changed)
    assert 1 <= len(changed) < 200
    assert "Stopped early" in shown.err


def test_a_run_in_lambda_ends_at_the_timeout_of_its_function() -> None:
    summary = function_summary("fn", timeout=30)
    session = Session(services=FakeServices({}, summaries=[summary]))
    in_lambda = replace(runs(1)[0], state=RunState.LAMBDA)
    with pytest.raises(NotCancellableError) as raised:
        cancel_named_run(session, session.connect(), in_lambda)
    assert "at the function's timeout of 30 s at the latest" in raised.value.remedy
