"""What AWS Batch itself repeats: the rules of a job definition's ``evaluateOnExit``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supervisor.script_status import SIGKILL_STATUS

if TYPE_CHECKING:
    from scar.aws.model.resources import Pairs
    from scar.fdl.model import BatchSpec

# Retry what happens before the script starts or to its host, and nothing else. Batch retries also
# what matches no rule, so the last rule ends all other jobs. Patterns support * at the end only;
# 5 rules are the most. On EC2 a container that does not start has the status reason "Task failed
# to start" and the cause as its reason; on Fargate the cause is the status reason (observed: public
# reports; docs: "Automated job retries", "Stopped tasks error messages").
_EXIT_RULE: Pairs = (("action", "EXIT"), ("onReason", "*"))


def _retry_on(name: str, pattern: str) -> Pairs:
    return (("action", "RETRY"), (name, pattern))


_NOT_STARTED = _retry_on("onStatusReason", "Task failed to start*")
_DOCKER_TIMEOUT = _retry_on("onReason", "DockerTimeoutError*")
_SPOT_INTERRUPTED = _retry_on("onStatusReason", "Your Spot Task was interrupted*")
_ON_EC2 = (
    _retry_on("onStatusReason", "Host EC2*"),
    _NOT_STARTED,
    _retry_on("onReason", "CannotPull*"),
    _DOCKER_TIMEOUT,
)
_ON_FARGATE = (
    _SPOT_INTERRUPTED,
    _NOT_STARTED,
    _retry_on("onStatusReason", "CannotPull*"),
    _retry_on("onStatusReason", "ResourceInitializationError*"),
)
# The container was killed as a whole, the supervisor included: all conditions of a rule must be
# met. A supervisor that survives its script never exits with this status in such a job
# (``supervisor.runtime.batch_job.exit_status``). The next attempt does not run the script; it
# submits the next job of the run (``supervisor.batch.resubmission``).
_KILLED: Pairs = (
    ("action", "RETRY"),
    ("onExitCode", str(SIGKILL_STATUS)),
    ("onReason", "OutOfMemoryError*"),
)


def retry_rules(batch: BatchSpec) -> tuple[Pairs, ...]:
    """Return the rules of ``evaluateOnExit``, in their order."""
    before = _ON_FARGATE if batch.compute_resources.is_fargate else _ON_EC2
    if _is_resubmitted_when_killed(batch):
        return (*(rule for rule in before if rule != _rule_to_omit(batch)), _KILLED, _EXIT_RULE)
    return (*before, _EXIT_RULE)


def _is_resubmitted_when_killed(batch: BatchSpec) -> bool:
    """Return whether `batch.retry` has a rule for jobs whose memory is exhausted.

    Not for multi-node jobs: which of their nodes was killed is not in DescribeJobs.
    """
    return not batch.nodes and any(rule.exit_code == SIGKILL_STATUS for rule in batch.retry)


def _rule_to_omit(batch: BatchSpec) -> Pairs:
    """Return the rule that a sixth one replaces: the one that is needed least.

    On EC2 most time-outs of Docker have the status reason of containers that do not start, too. On
    Fargate, causes are the status reason.
    """
    if not batch.compute_resources.is_fargate:
        return _DOCKER_TIMEOUT
    types = {environment.type for queue in batch.queues for environment in queue.environments}
    return _NOT_STARTED if "FARGATE_SPOT" in types else _SPOT_INTERRUPTED
