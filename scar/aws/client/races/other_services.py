"""Races of log groups and repositories."""

from __future__ import annotations

from scar.aws.client.races.race import TERRAFORM, Race, words

OTHER_RACES: tuple[Race, ...] = (
    Race(
        service="logs",
        codes=words("OperationAbortedException"),
        state="CloudWatch Logs is still finishing an earlier change of the log group",
        remedy="Run the same command again once no other program changes the log group.",
        source="model: CloudWatch Logs, OperationAbortedException; " + TERRAFORM + "logs/group.go",
    ),
    Race(
        service="logs",
        operations=words("PutRetentionPolicy DeleteRetentionPolicy TagResource"),
        codes=words("ResourceNotFoundException"),
        caused_by="log-group",
        parameter="logGroupName",
        only_after_change=True,
        state="CloudWatch Logs does not see the new log group yet",
        remedy="Run the same command again: another program may have deleted the log group.",
        source="observed: read after write is not documented",
    ),
    Race(
        service="ecr",
        operations=words(
            "SetRepositoryPolicy PutLifecyclePolicy PutImageScanningConfiguration"
            " TagResource ListTagsForResource"
        ),
        codes=words("RepositoryNotFoundException"),
        caused_by="repository",
        parameter="repositoryName",
        only_after_change=True,
        state="ECR does not see the new repository yet",
        remedy="Run the same command again: another program may have deleted the repository.",
        source=TERRAFORM + "ecr/repository.go",
    ),
)
