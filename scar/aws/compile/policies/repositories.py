"""Who may pull from a function's repository, and what expires there. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.compile.policies.document import allow_statement, canonical_json, policy_document

if TYPE_CHECKING:
    from scar.aws.model.account import Account

_UNTAGGED_DAYS = 14


def repository_policy(account: Account) -> str:
    """Let Lambda, on behalf of this account, pull from the repository."""
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
    """Expire what has no tag for two weeks: leftovers only, since composed images have one.

    ECR does not know which images are in use. Those that no function and no job needs any
    more are deleted by scar.
    """
    return canonical_json(
        {
            "rules": [
                {
                    "rulePriority": 1,
                    "description": "scar: leftovers without a tag",
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
