"""Causes and remedies for what AWS Batch, exit codes and logs report.

Sources: botocore's batch model (JobDetail statusReason, 2026-11); AWS Batch user guide, "Jobs
stuck in RUNNABLE"; ECS developer guide, "Stopped tasks error messages"; public issues.
"""

from __future__ import annotations

from dataclasses import dataclass

from supervisor.script_status import describe_signal

EXIT_SIGKILL = 128 + 9
EXIT_SIGTERM = 128 + 15
# The status that scar.runs gives a job which DescribeJobs does not return: Batch deletes jobs some
# days after their end.
JOB_NOT_FOUND = "NOT_FOUND"
CANCELLED = "scar cancel"  # the reason that `scar cancel` passes to TerminateJob


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The cause of a failure or a delay, and its remedy: one sentence or two each."""

    problem: str
    remedy: str


_EXEC_FORMAT = (
    "exec format error",
    Diagnosis(
        "The image was built for another architecture than the one it ran on.",
        "Set lambda.architecture to the image's architecture, or use an image for the other one.",
    ),
)
# By a part of the job's or its container's reason, in lower case; the first match counts.
_REASONS: tuple[tuple[str, Diagnosis], ...] = (
    (
        "host ec2",
        Diagnosis(
            "The EC2 instance was terminated while the job ran; Spot Instances can be"
            " interrupted at any time.",
            "Batch retries the job automatically (batch.attempts). Use the type EC2 if this"
            " happens too often.",
        ),
    ),
    (
        "spot task was interrupted",
        Diagnosis(
            "Fargate Spot interrupted the task while the job ran.",
            "Batch retries the job automatically (batch.attempts). Use the type FARGATE if this"
            " happens too often.",
        ),
    ),
    (
        "outofmemory",
        Diagnosis(
            "The job ran out of memory and was killed.",
            "Raise batch.memory, run `scar init`, then `scar retry`.",
        ),
    ),
    _EXEC_FORMAT,
    (
        "dockertimeout",
        Diagnosis(
            "The container did not start within 4 minutes: the instance's disk or Docker was"
            " overloaded.",
            "Batch tries again automatically (batch.attempts). Raise batch.compute_resources.disk"
            " or use larger instance_types if this happens too often.",
        ),
    ),
    (
        "cannotpull",
        Diagnosis(
            "Batch could not pull the function's image.",
            "The subnet needs a route to ECR and S3: an internet gateway with public IP"
            " addresses, a NAT gateway, or VPC endpoints; `scar plan` checks this. If the image"
            " was deleted, `scar init` builds it again.",
        ),
    ),
    (
        "resourceinitializationerror",
        Diagnosis(
            "Fargate could not start the task, usually because it cannot reach ECR or CloudWatch"
            " Logs.",
            "The subnet needs a route to the internet (NAT gateway) or VPC endpoints; `scar plan`"
            " checks this.",
        ),
    ),
    (
        "misconfiguration:compute_environment_max_resource",
        Diagnosis(
            "The job needs more vCPUs than the compute environment's maximum. Batch cancels such a"
            " job after 10 minutes at the head of its queue, so that it blocks no other.",
            "Raise batch.compute_resources.max_v_cpus or lower batch.vcpus, then `scar init`.",
        ),
    ),
    # The local cloud's own reasons, which name AWS's condition too.
    (
        "this machine runs as many jobs",
        Diagnosis(
            "The local cloud runs as many jobs at once as this machine has processors.",
            "Nothing to do: the job starts when another one has ended.",
        ),
    ),
    (
        "other jobs use the gpus of this machine",
        Diagnosis(
            "Other jobs use the GPUs of this machine.",
            "Nothing to do: the job starts when enough of them are free.",
        ),
    ),
    (
        "this machine has",
        Diagnosis(
            "The job needs more GPUs than this machine has.",
            "Lower batch.gpus, or run the function in AWS.",
        ),
    ),
    (
        "misconfiguration:job_resource_requirement",
        Diagnosis(
            "No instance type of the compute environment is large enough for the job, or has as"
            " many GPUs. Jobs can use a little less memory than the instance type has. Batch"
            " cancels such a job after 10 minutes at the head of its queue, so that it blocks no"
            " other.",
            "Lower batch.memory, batch.vcpus or batch.gpus, or allow larger instance_types, then"
            " `scar init`.",
        ),
    ),
    (
        "misconfiguration:service_role_permissions",
        Diagnosis(
            "The service role of Batch lacks permissions.",
            "Leave batch.service_role empty: Batch then uses its service-linked role.",
        ),
    ),
    (
        "capacity:insufficient_instance_capacity",
        Diagnosis(
            "AWS has no capacity for these instance types in these Availability Zones at the"
            " moment.",
            "Wait, or allow more instance_types and subnets, or use EC2 instead of SPOT.",
        ),
    ),
    (
        "action_required",
        Diagnosis(
            "The compute environment is invalid.",
            "`scar plan` shows Batch's reason; `scar init` repairs or replaces the environment.",
        ),
    ),
    (
        "container overrides length must be",
        Diagnosis(
            "The event was too large for a Batch job.",
            "This is a bug in scar; please report it.",
        ),
    ),
    (
        "job attempt duration exceeded timeout",
        Diagnosis(
            "The job ran longer than batch.timeout and was terminated.",
            "Raise batch.timeout, run `scar init`, then `scar retry`.",
        ),
    ),
)
CANCELLED_JOB = Diagnosis(
    "The job was cancelled with `scar cancel`.", "`scar retry` starts it again."
)


def diagnose_reason(status: str, container: str = "") -> Diagnosis | None:
    """Return the meaning of a job's statusReason and its container's reason; None if unknown."""
    # Compared whole: a reason given in the AWS console may mention `scar cancel`.
    if status == CANCELLED:
        return CANCELLED_JOB
    reasons = f"{status} {container}".lower()
    return next((diagnosis for part, diagnosis in _REASONS if part in reasons), None)


def diagnose_exit_code(code: int | None) -> Diagnosis | None:
    """Return the meaning of a container's exit code if a signal ended it, else None."""
    if code == EXIT_SIGKILL:
        return Diagnosis(
            "The job was killed (exit code 137, SIGKILL): out of memory, or killed by a user or"
            " another process.",
            "Raise batch.memory, run `scar init`, then `scar retry`.",
        )
    if code == EXIT_SIGTERM:
        return Diagnosis(
            "The job was terminated (exit code 143, SIGTERM): its instance was reclaimed, or a"
            " user terminated it.",
            "`scar retry` starts it again.",
        )
    found = describe_signal(code) if code is not None else None
    if found is None:
        return None
    name, meaning, remedy = found
    return Diagnosis(
        f"The job was ended by {name} (exit code {code}): {meaning}.",
        f"{remedy} `scar retry` starts it again.".strip(),
    )


# Parts of a script's last log lines. Batch's reasons are not searched there: in a script's output
# they mean nothing.
_LOG_PATTERNS: tuple[tuple[str, Diagnosis], ...] = (
    _EXEC_FORMAT,
    (
        "outofmemory",
        Diagnosis(
            "The log indicates that the program ran out of memory.",
            "Raise lambda.memory (batch.memory if it ran in Batch) or the program's own memory"
            " limit, run `scar init`, then `scar retry`.",
        ),
    ),
)


def diagnose_log(lines: tuple[str, ...]) -> Diagnosis | None:
    """Return the meaning of the last known error in the end of a log; None without one."""
    # Newest first, all lines: the last line is rarely the error itself.
    newest_first = (line.lower() for line in reversed(lines))
    return next(
        (diagnosis for line in newest_first for part, diagnosis in _LOG_PATTERNS if part in line),
        None,
    )
