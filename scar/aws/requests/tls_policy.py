"""The bucket policy that denies requests without TLS; statements of others are kept.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html
"""

from __future__ import annotations

import json
from typing import Any

from scar.aws.model.policy_meaning import statement_meaning, statements_of

_VERSION = "2012-10-17"


def tls_statement(bucket: str, partition: str) -> dict[str, Any]:
    """Return the statement that denies all requests to the bucket over plain HTTP."""
    arn = f"arn:{partition}:s3:::{bucket}"
    return {
        "Sid": "ScarDenyPlainHttp",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def requires_tls(policy: str, bucket: str, partition: str) -> bool:
    """Return whether a bucket policy has the statement; ``policy`` is empty for none."""
    if not policy:
        return False
    wanted = statement_meaning(tls_statement(bucket, partition))
    return any(statement_meaning(each) == wanted for each in statements_of(json.loads(policy)))


def tls_policy(policy: str, bucket: str, partition: str) -> str:
    """Return the bucket policy with the statement, and with all others that it has."""
    document = json.loads(policy) if policy else {"Version": _VERSION}
    statement = tls_statement(bucket, partition)
    kept = [
        each
        for each in statements_of(document)
        if not (isinstance(each, dict) and each.get("Sid") == statement["Sid"])
    ]
    return json.dumps({**document, "Statement": [*kept, statement]})
