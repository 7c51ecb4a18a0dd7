"""The policies of an ECR repository: who may pull from it, and which images expire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.compile.policies.document import allow_statement, canonical_json, policy_document

if TYPE_CHECKING:
    from scar.aws.model.account import Account

_UNTAGGED_DAYS = 14


def repository_policy(account: Account) -> str:
    """Allow Lambda to pull from the repository, on behalf of this account."""
    return policy_document(
        [
            {
                **allow_statement(
                    "ecr:BatchGetImage",
                    "ecr:GetDownloadUrlForLayer",
                    Principal={"Service": "lambda.amazonaws.com"},
                    Condition={"StringEquals": {"aws:SourceAccount": account.id}},
                ),
                "Sid": "LambdaPulls",
            }
        ]
    )


def lifecycle_policy() -> str:
    """Expire images without a tag after two weeks.

    Built images have a tag, so only incomplete pushes expire. ECR does not know which images are
    in use: scar itself deletes those that no function and no job uses.
    """
    return canonical_json(
        {
            "rules": [
                {
                    "rulePriority": 1,
                    "description": "scar: images without a tag",
                    "selection": {
                        "tagStatus": "untagged",
                        "countType": "sinceImagePushed",
                        "countUnit": "days",
                        "countNumber": _UNTAGGED_DAYS,
                    },
                    "action": {"type": "expire"},
                }
            ]
        }
    )
