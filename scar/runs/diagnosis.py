"""What Batch's words mean, and what to do about it. Pure.

Sources: botocore's batch model (JobDetail statusReason, 2026-11); AWS Batch user guide, "Jobs
stuck in RUNNABLE"; ECS developer guide, "Stopped tasks error messages"; public issues.
"""

from __future__ import annotations

from dataclasses import dataclass

EXIT_KILLED = 137
CANCELLED = "scar cancel"  # the reason that `scar cancel` gives Batch, which returns it as it is


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One sentence about what happened, one about what to do."""

    problem: str
    remedy: str


_EXEC_FORMAT = (
    "exec format error",
    Diagnosis(
        "The image is made for another architecture than the machine.",
        "Set lambda.architecture to that of the image, or use an image for the other one.",
    ),
)
# What the reason of a job or its container contains, in lower case; the first match counts.
_REASONS: tuple[tuple[str, Diagnosis], ...] = (
    (
        "host ec2",
        Diagnosis(
            "The machine was taken away while the job ran; spot machines are reclaimed like that.",
            "Batch repeats the job by itself (batch.attempts). Use the type EC2 if it happens"
            " too often.",
        ),
    ),
    (
        "spot task was interrupted",
        Diagnosis(
            "Fargate Spot took the machine back while the job ran.",
            "Batch repeats the job by itself (batch.attempts). Use FARGATE if it happens too"
            " often.",
        ),
    ),
    (
        "outofmemory",
        Diagnosis(
            "The job needed more memory than it had and was killed.",
            "Raise batch.memory, run `scar init`, then `scar retry`.",
        ),
    ),
    _EXEC_FORMAT,
    (
        "cannotpullcontainer",
        Diagnosis(
            "The machine could not pull the function's image.",
            "Its subnet needs a way to ECR and S3 (internet gateway with a public address, NAT, or"
            " endpoints); `scar plan` checks that. Else the image was deleted: `scar init`.",
        ),
    ),
    (
        "resourceinitializationerror",
        Diagnosis(
            "Fargate could not prepare the job's machine: mostly it reaches ECR or the logs not.",
            "Its subnet needs a way out; `scar plan` checks that.",
        ),
    ),
    (
        "misconfiguration:compute_environment_max_resource",
        Diagnosis(
            "The job wants more vCPUs than the compute environment may have in all.",
            "Raise batch.compute_resources.max_v_cpus or lower batch.vcpus, then `scar init`.",
        ),
    ),
    (
        "misconfiguration:job_resource_requirement",
        Diagnosis(
            "No machine of the compute environment is large enough for the job. A machine offers"
            " a little less memory than its data sheet says.",
            "Lower batch.memory or batch.vcpus, or allow larger instance_types, then `scar init`.",
        ),
    ),
    (
        "misconfiguration:service_role_permissions",
        Diagnosis(
            "Batch's own role may not do what it must.",
            "Leave batch.service_role empty: Batch then uses its service-linked role.",
        ),
    ),
    (
        "capacity:insufficient_instance_capacity",
        Diagnosis(
            "AWS has no free machine of these types in these zones at the moment.",
            "Wait, or allow more instance_types and subnets, or use EC2 instead of SPOT.",
        ),
    ),
    (
        "action_required",
        Diagnosis(
            "The compute environment is invalid.",
            "`scar plan` shows what differs; `scar init` mends it.",
        ),
    ),
    (
        "container overrides length must be",
        Diagnosis(
            "The event was too long for a Batch job.",
            "This is a fault in scar; please report it.",
        ),
    ),
    (
        "job attempt duration exceeded timeout",
        Diagnosis(
            "The job took longer than batch.timeout and was ended.",
            "Raise batch.timeout, run `scar init`, then `scar retry`.",
        ),
    ),
)
_CANCELLED = Diagnosis("Somebody cancelled it with `scar cancel`.", "`scar retry` starts it again.")


def diagnose_reason(status: str, container: str = "") -> Diagnosis | None:
    """Say what a job's statusReason and its container's reason mean; None if it is not known."""
    if status == CANCELLED:
        return _CANCELLED
    low = f"{status} {container}".lower()
    return next((meaning for sign, meaning in _REASONS if sign in low), None)


def diagnose_exit_code(code: int | None) -> Diagnosis | None:
    """Say what a container's exit code means beyond the script's own failure."""
    if code == EXIT_KILLED:
        return Diagnosis(
            "The job was killed (137): for want of memory, or because somebody ended it.",
            "Raise batch.memory, run `scar init`, then `scar retry`.",
        )
    if code == 143:
        return Diagnosis(
            "The job was told to end (143, TERM): its machine was reclaimed, or somebody ended it.",
            "`scar retry` starts it again.",
        )
    return None


# What a script's own last lines may give away. Batch's words mean nothing there.
_LOG_PATTERNS: tuple[tuple[str, Diagnosis], ...] = (
    _EXEC_FORMAT,
    (
        "outofmemory",
        Diagnosis(
            "Its log speaks of want of memory.",
            "Raise lambda.memory (batch.memory if it ran in Batch) or what the program itself"
            " allows, run `scar init`, then `scar retry`.",
        ),
    ),
)


def diagnose_log(lines: tuple[str, ...]) -> Diagnosis | None:
    """Say what the end of a log gives away; the last line alone is seldom the error."""
    low = [line.lower() for line in reversed(lines)]
    return next((said for line in low for sign, said in _LOG_PATTERNS if sign in line), None)
