"""Every state of a run has an exit: an event, a time limit, or a command that accepts the run."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from scar.runs.cancel import CANCELLABLE_STATES, NotCancellableError
from scar.runs.exits import EXITS, commands_for, exits_as_markdown
from scar.runs.retry import NotRetryableError
from scar.runs.states import FAILURE_STATES, FINISHED_STATES, MAX_EVENT_AGE, RunState
from tests.fakes.chaos.run_world import RunWorld
from tests.fakes.object_store import Crash

pytestmark = pytest.mark.long

ARCHITECTURE = Path(__file__).parents[3] / "docs" / "architecture.md"
LONGEST = max(exit_.seconds or 0 for exit_ in EXITS.values())
STEPS = (1, 2, 61, 400, 1_000, 22_000, 50_000)


def test_the_table_of_the_documentation_is_that_of_the_code() -> None:
    text = ARCHITECTURE.read_text()
    _, _, rest = text.partition("<!-- exits -->\n")
    assert rest.partition("<!-- end -->")[0] == exits_as_markdown()


@pytest.mark.parametrize("state", RunState)
def test_every_state_that_has_not_ended_has_a_time_limit_or_a_command(state: RunState) -> None:
    assert state in FINISHED_STATES or EXITS[state].seconds or commands_for(state)


class RunHistories(RuleBasedStateMachine):
    """Random histories of one run, with kills before any write, and its exits in every state."""

    @initialize(is_direct=st.booleans())
    def begin(self, is_direct: bool) -> None:
        self.world = RunWorld(is_direct=is_direct)
        self.world.deliver()

    def act(self, kill_at: int | None, action: str, *arguments: object) -> None:
        """Let a process or command act; ``kill_at``: before which of its writes it is killed."""
        self.world.s3.now += 1
        self.world.s3.kill_at = kill_at
        try:
            getattr(self.world, action)(*arguments)
        except Crash:
            self.world.die()
        except (NotCancellableError, NotRetryableError):
            pass
        finally:
            self.world.s3.kill_at = None

    kills = st.sampled_from((None, None, None, 0, 1, 2, 3))

    @rule(kill_at=kills)
    @precondition(lambda self: self.world.holder is None)
    def redeliver(self, kill_at: int | None) -> None:
        if not self.world.is_direct:  # a new request would be another run
            self.act(kill_at, "deliver")

    @rule(kill_at=kills)
    @precondition(lambda self: self.world.holder is None)
    def lambda_retries(self, kill_at: int | None) -> None:
        self.world.s3.now += 1
        self.world.s3.kill_at = kill_at
        try:
            self.world.deliver(again=True)
        except Crash:
            self.world.die()
        finally:
            self.world.s3.kill_at = None

    @rule(action=st.sampled_from(("submit", "wait", "fail", "finish", "die")), kill_at=kills)
    @precondition(lambda self: self.world.holder is not None and not self.world.holder.job)
    def end_request(self, action: str, kill_at: int | None) -> None:
        self.act(kill_at, action)

    @rule(action=st.sampled_from(("fail", "finish", "die")), kill_at=kills)
    @precondition(lambda self: self.world.holder is not None and bool(self.world.holder.job))
    def end_attempt(self, action: str, kill_at: int | None) -> None:
        self.act(kill_at, action)

    @rule(data=st.data(), kill_at=kills)
    @precondition(lambda self: set(self.world.jobs) - self.world.running)
    def start_job(self, data: st.DataObject, kill_at: int | None) -> None:
        waiting = sorted(set(self.world.jobs) - self.world.running)
        self.act(kill_at, "start_job", data.draw(st.sampled_from(waiting)))

    @rule(data=st.data())
    @precondition(lambda self: self.world.jobs)
    def lose_job(self, data: st.DataObject) -> None:
        self.act(None, "end_job", data.draw(st.sampled_from(sorted(self.world.jobs))))

    @rule(seconds=st.sampled_from(STEPS))
    def pass_time(self, seconds: int) -> None:
        self.world.s3.now += seconds
        holder = self.world.holder
        if holder is not None and not holder.job and seconds > 300:
            self.world.die()  # Lambda's timeout
        if holder is not None and holder.job and seconds < 900:
            self.world.record(holder)  # its claim is renewed in time: see below
        if holder is not None and holder.job and seconds >= 900:
            self.world.die()

    @rule(command=st.sampled_from(("retry", "cancel")), kill_at=kills)
    def command(self, command: str, kill_at: int | None) -> None:
        run = self.world.read_run()
        if run is not None:
            holder = self.world.holder
            self.act(kill_at, command, run)
            if command == "retry" or run.state is RunState.WAITING:
                self.world.holder = holder  # the command was killed, not the run

    @rule()
    @precondition(lambda self: self.world.is_direct and self.is_repeated())
    def follow_repetition(self) -> None:
        """The world is that of the new run from now on; its request may claim it or not."""
        assert self.world.repeated_as() == f"sent-{len(self.world.sent)}"
        self.world.follow_repetition()
        run = self.world.read_run()
        assert run is not None, "the new run is in no state"
        assert run.state in (RunState.WAITING, RunState.LOST), run

    def is_repeated(self) -> bool:
        run = self.world.read_run()
        return run is not None and run.state is RunState.REPEATED

    @rule()
    @precondition(lambda self: self.world.read_run() is not None)
    def retry_without_function(self) -> None:
        """The function was removed: nothing is sent, and the run stays as it was."""
        world = self.world
        before = world.read_run()
        world.is_function_removed = True
        self.act(None, "retry", before)
        world.is_function_removed = False

    @invariant()
    def every_command_of_the_table_accepts_the_run(self) -> None:
        run = self.world.read_run()
        if run is None:
            return
        if run.state in CANCELLABLE_STATES:
            world = self.world.copy()
            world.s3.now += 1
            try:
                world.cancel(run)
            except NotCancellableError as refusal:
                # An earlier job has left its records, but a Lambda request runs it now.
                assert run.state is RunState.RUNNING
                assert "function's timeout" in refusal.remedy  # noqa: PT017
                return
            world.s3.now += 61
            after = world.read_run()
            assert after is not None
            if run.state is RunState.RUNNING and after.state is RunState.QUEUED:
                world.cancel(after)  # a second job of the run
                after = world.read_run()
                assert after is not None
            assert after.state in FINISHED_STATES, after
            if run.state is RunState.WAITING:
                self.check_that_the_event_starts_nothing(world)
        if run.state in FAILURE_STATES:
            self.check_retry(self.world.copy())

    @staticmethod
    def check_that_the_event_starts_nothing(world: RunWorld) -> None:
        late = world.copy()
        last = min(world.deliverable_until, world.s3.now + MAX_EVENT_AGE)
        for time in (world.s3.now, last):
            late.s3.now = max(time, world.s3.now)
            assert not late.deliver(again=True)
            after = late.read_run()
            assert after is not None
            assert after.state in (RunState.FAILED, RunState.REPEATED)

    @staticmethod
    def check_retry(world: RunWorld) -> None:
        """A retried run is repeated as another one, or the event that was sent executes it."""
        world.s3.now += 1
        run = world.read_run()
        assert run is not None
        if run.state not in FAILURE_STATES:
            return
        world.retry(run)
        after = world.read_run()
        assert after is not None
        if world.is_direct:
            assert after.state is RunState.REPEATED
            world.follow_repetition()
            new = world.read_run()
            assert new is not None
            assert new.state is RunState.WAITING
            world.s3.now += 1
            assert world.deliver(), new
            new = world.read_run()
            assert new is not None
            assert new.state is RunState.LAMBDA
        else:
            assert after.state is RunState.WAITING
            world.s3.now += 1
            assert world.deliver(), run

    @invariant()
    def every_state_ends_when_nothing_happens_anymore(self) -> None:
        world = self.world.copy()
        for name in list(world.jobs):
            world.end_job(name)
        world.s3.now += LONGEST + 1
        run = world.read_run()
        assert run is None or run.state in FINISHED_STATES


RunHistories.TestCase.settings = settings(
    max_examples=250,
    stateful_step_count=30,
    deadline=None,
    report_multiple_bugs=False,
    # Without shrinking, which takes minutes: histories are short enough to read.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
TestRunHistories = RunHistories.TestCase
