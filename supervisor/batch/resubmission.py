"""A job whose script failed is submitted again, with more memory or as it was: ``batch.retry``.

The job itself submits its successor: it knows the exit status. The successor continues the run with
the same id. It finds its place among the jobs of the run in its environment, not in records, so
that the number of jobs stays bounded even if a job is killed between SubmitJob and its record.

``process_runner`` makes the script the first choice of the kernel's out-of-memory killer. If the
container is killed as a whole nevertheless, Batch starts the job again: a rule of its retry
strategy, for functions that have an entry for this exit status. That attempt does not run the
script; it submits the successor that the killed one could not (``execution.jobs.next_job``).
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from supervisor.batch import job_options
from supervisor.batch.job_request import JOB_VARIABLE, describe_size
from supervisor.errors import ConfigError, ScriptFailed
from supervisor.invocation import RunJob
from supervisor.job_model import JobOptions
from supervisor.script_status import SIGKILL_STATUS

if TYPE_CHECKING:
    from supervisor.errors import SupervisorError
    from supervisor.invocation import RunOwner
    from supervisor.job_model import BatchTarget, ExitRetry

_NO_LARGER = "no instance or size has more"


def parse_run_job(text: str) -> RunJob:
    """Parse the value of ``JOB_VARIABLE``; empty: the first job, as defined. Raise ConfigError."""
    if not text:
        return RunJob(options=JobOptions())
    try:
        data = json.loads(text)
        previous = data.get("previous")
        number = data["number"]
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise TypeError("number")  # noqa: TRY301
        return RunJob(
            number=number,
            options=JobOptions(**data["options"]),
            previous=None if previous is None else (str(previous[0]), int(previous[1])),
        )
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise ConfigError(
            f"{JOB_VARIABLE} is invalid: {error!r}.",
            remedy="Submit jobs through the function.",
        ) from error


def find_rule(target: BatchTarget | None, error: SupervisorError) -> ExitRetry | None:
    """Return the first rule for the exit status of a script; None if it is not retried."""
    if target is None or not isinstance(error, ScriptFailed):
        return None
    return next((rule for rule in target.retry if rule.exit_code == error.status), None)


def restarts_killed_jobs(target: BatchTarget | None) -> bool:
    """Return whether Batch starts a job again whose container memory exhaustion has killed.

    As in the job definition: ``scar.aws.compile.batch.retry_rules``.
    """
    if target is None or target.nodes is not None:
        return False
    return any(rule.exit_code == SIGKILL_STATUS for rule in target.retry)


def plan_next_job(
    target: BatchTarget, rule: ExitRetry, job: RunJob, owner: RunOwner
) -> RunJob | str:
    """Return the job that continues the run after ``job``, or why there is none."""
    if job.number >= rule.attempts:
        return f"It was job {job.number} of {rule.attempts} (batch.retry)."
    options = job.options
    if rule.memory or rule.factor > 1:
        memory = options.memory or target.memory
        wanted = _wanted_memory(rule, memory)
        most = rule.up_to or job_options.UNBOUNDED
        if wanted > memory:
            options = job_options.fit_memory(target, options, wanted, most)
        if (options.memory or target.memory) <= memory:
            why = _growth_limit(rule, memory, wanted)
            return f"Its job had {memory} MiB, and cannot have more: {why} (batch.retry)."
    return RunJob(number=job.number + 1, options=options, previous=(owner.job, owner.attempt))


def _wanted_memory(rule: ExitRetry, memory: int) -> int:
    """Return the MiB of the next job. Rounded up: a small factor would not grow at all."""
    return max(math.ceil(memory * rule.factor), rule.memory)


def _growth_limit(rule: ExitRetry, memory: int, wanted: int) -> str:
    """Return why a job with ``memory`` MiB has no successor with more."""
    if wanted <= memory:
        return f"the rule's memory is {rule.memory}"
    return f"up_to is {rule.up_to}" if rule.up_to else _NO_LARGER


def describe_next_job(
    target: BatchTarget, rule: ExitRetry, job: RunJob, planned: RunJob
) -> dict[str, object]:
    """Return what the record of its submission says about the job that continues the run.

    ``memory`` has the MiB of both jobs, and what kept the job from having all that the rule says.
    """
    before = job.options.memory or target.memory
    after = planned.options.memory or target.memory
    wanted = _wanted_memory(rule, before)
    record = describe_size(planned.options)
    if after == before:
        return record
    memory: dict[str, object] = {"before": before, "after": after}
    if after < wanted:
        # A size of Fargate below up_to may be the largest that is allowed.
        is_exact = target.capacity is not None and target.capacity.exact
        is_bound = 0 < rule.up_to < wanted and (is_exact or after == rule.up_to)
        memory["limited_by"] = f"up_to is {rule.up_to}" if is_bound else _NO_LARGER
    return {**record, "memory": memory}
