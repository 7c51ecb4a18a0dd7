"""The guarantees of docs/runs.md under one seed of chaos, for tests and benchmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.runs.states import FINISHED_STATES, MAX_SUBMISSION_WAIT, RunState
from supervisor.model import ExecutionMode
from tests.fakes.chaos.simulation import ChaosSimulation

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path

FILES = tuple(f"file-{number}" for number in range(4))
CHAINS = (
    (ExecutionMode.BATCH, ExecutionMode.BATCH, ExecutionMode.BATCH),
    (ExecutionMode.LAMBDA_BATCH, ExecutionMode.BATCH, ExecutionMode.LAMBDA),
    (ExecutionMode.LAMBDA, ExecutionMode.LAMBDA_BATCH),
)
KINDS = (
    *("duplicates", "died", "repeated", "handled", "throttled"),
    *("lost, made", "lost, not made"),
)
"""What chaos must have done in a group of seeds."""
_MOST_RETRIES = 10


def check_seed(seed: int, folder: Path) -> Counter[str]:
    """Run a chain under a seed, retry what may fail, assert the guarantees; return the counts."""
    try:
        return _check_chain(str(seed), CHAINS[seed % len(CHAINS)], folder)
    except BaseException as error:
        error.add_note(f"Repeat with: .venv/bin/python -m bench.chaos_seeds --first {seed} -n 1")
        raise


def _check_chain(seed: str, modes: tuple[ExecutionMode, ...], folder: Path) -> Counter[str]:
    simulation = ChaosSimulation(seed, folder, modes)
    for name in FILES:
        simulation.upload(name)
    simulation.run()
    for run, state in simulation.states().items():
        if state is not RunState.DONE:
            # Only Lambda repeats nothing by itself: runs of other modes continue in Batch, unless
            # no attempt of the failure handler got an answer. Even then the run ends some day.
            if modes[int(run.split("/")[1][1:])] is ExecutionMode.LAMBDA:
                assert state is RunState.FAILED, (run, state)
            else:
                assert run.rpartition("/")[2] in simulation.unanswered, (run, state)
                simulation.counts["given up"] += 1
    simulation.time += MAX_SUBMISSION_WAIT + 1
    assert set(simulation.states().values()) <= FINISHED_STATES
    for _ in range(_MOST_RETRIES):
        if not simulation.retry_failed():
            break
        simulation.run()
    states = simulation.states()
    assert set(states.values()) == {RunState.DONE}, states
    assert len(states) == len(FILES) * len(modes), states
    for number in range(1, len(modes) + 1):
        created = {name: simulation.store.created[f"in{number}/{name}"] for name in FILES}
        assert set(created.values()) == {1}, (number, created)
    assert simulation.violations == [], simulation.violations
    return simulation.counts
