"""The policies of an ECR repository: who may pull from it, and which images expire."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from scar.aws.compile.policies.document import allow_statement, canonical_json, policy_document
from scar.aws.model.policy_meaning import statement_meaning, statements_of

if TYPE_CHECKING:
    from scar.aws.model.account import Account

_UNTAGGED_DAYS = 14
_STATEMENT_ID = "LambdaPulls"


def repository_policy(account: Account) -> str:
    """Allow Lambda to pull from the repository, on behalf of this account's functions.

    With the condition that Lambda documents, and that it adds itself to a repository without one:
    https://docs.aws.amazon.com/lambda/latest/dg/images-create.html#gettingstarted-images-permissions
    """
    functions = account.arn("lambda", "function:*")
    return policy_document(
        [
            {
                **allow_statement(
                    "ecr:BatchGetImage",
                    "ecr:GetDownloadUrlForLayer",
                    Principal={"Service": account.service_principal("lambda")},
                    Condition={"StringLike": {"aws:sourceArn": functions}},
                ),
                "Sid": _STATEMENT_ID,
            }
        ]
    )


def own_policy(text: str, desired: str) -> str:
    """Return scar's part of a repository's policy, empty if it has none.

    That is the statement with scar's id, or else those that mean the same as the desired ones,
    such as the one that Lambda adds (``LambdaECRImageRetrievalPolicy``).
    """
    document = _parse_policy(text)
    statements = statements_of(document)
    own = [s for s in statements if _is_own(s)]
    if not own:
        meanings = set(map(statement_meaning, statements_of(_parse_policy(desired))))
        own = [s for s in statements if statement_meaning(s) in meanings]
    return canonical_json({**document, "Statement": own}) if own else ""


def merge_policy(text: str, desired: str) -> str:
    """Return a repository's policy with the desired statements in place of scar's own.

    All other statements stay: Lambda, or the user for another account, added them.
    """
    document, wanted = _parse_policy(text), _parse_policy(desired)
    others = [s for s in statements_of(document) if not _is_own(s)]
    meanings = set(map(statement_meaning, others))
    missing = [s for s in statements_of(wanted) if statement_meaning(s) not in meanings]
    return canonical_json({**(document or wanted), "Statement": [*others, *missing]})


def _is_own(statement: dict[str, object]) -> bool:
    return statement.get("Sid") == _STATEMENT_ID


def _parse_policy(text: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text) if text else {}
    return document


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
