"""Races of compute environments and job queues."""

from __future__ import annotations

from scar.aws.client.races.race import TERRAFORM, Race, pattern, words

_ENVIRONMENT_CHANGES = words("CreateComputeEnvironment UpdateComputeEnvironment")
_QUEUE_CHANGES = words("CreateJobQueue UpdateJobQueue")

BATCH_RACES: tuple[Race, ...] = (
    Race(
        service="batch",
        operations=_ENVIRONMENT_CHANGES,
        codes=words("ClientException"),
        message=pattern(
            r"invalid (?:iam)?instance ?profile",
            r"invalid (?:iam )?instance ?(?:profile|role)",
            r"instance ?(?:profile|role).*(?:not found|does not exist|is invalid|not valid)",
        ),
        caused_by="instance-profile",
        state="Batch does not see the new instance profile yet",
        remedy="Check that the instance profile exists and has a role that EC2 can assume, then"
        " run the same command again.",
        source=TERRAFORM + "batch/compute_environment.go; Netflix/metaflow-tools#9",
    ),
    Race(
        service="batch",
        operations=_ENVIRONMENT_CHANGES,
        codes=words("ClientException"),
        # The permissions of a role. Those of the caller are an AccessDeniedException.
        message=pattern(
            "unable to assume",
            "cannot be assumed",
            "not authorized to assume",
            "service.?linked role",
            "not authorized to perform: (?:ecs|ec2|autoscaling|iam:Get)",
        ),
        caused_by="role",
        state="Batch cannot use the new role yet",
        remedy="Check that Batch can assume its service role and that the role has the policy"
        " AWSBatchServiceRole, or omit batch.service_role; then run the same command again.",
        source="docs: Batch, troubleshooting INVALID compute environments; IAM is eventually"
        " consistent",
    ),
    Race(
        service="batch",
        operations=_QUEUE_CHANGES,
        codes=words("ClientException"),
        message=pattern(r"(?:is|are) not (?:in (?:a |the )?)?valid\b", "must be (?:in )?valid"),
        caused_by="compute-environment",
        state="the new compute environment is not VALID yet",
        remedy="`scar plan` shows the status of the compute environment and Batch's reason.",
        source="model: Batch, UpdateJobQueue.computeEnvironmentOrder: environments must be VALID",
    ),
    Race(
        service="batch",
        codes=words("ClientException"),
        excluded=words("SubmitJob"),
        message=pattern("resource is being (?:modified|created|updated)"),
        state="Batch is still finishing an earlier change",
        remedy="Run the same command again once no other program changes the resource.",
        source=TERRAFORM + "batch/compute_environment.go",
    ),
)
