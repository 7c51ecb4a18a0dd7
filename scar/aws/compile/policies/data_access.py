"""Statements for the objects that a function reads and writes, and for their KMS keys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scar.aws.compile.policies.document import PolicyStatement, allow_statement
from scar.aws.compile.policies.patterns import literal_pattern

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scar.aws.compile.policies.data_flow import BucketFolder, DataFlow
    from scar.aws.model.account import Account


_KEY_ARN = re.compile(r"arn:[\w-]+:kms:([a-z0-9-]+):")


def data_statements(flow: DataFlow) -> list[PolicyStatement]:
    """Allow to read inputs, and to read and write outputs and the function's run records."""
    account, records = flow.account, (flow.run_records,)
    statements = []
    if flow.inputs or flow.reads:
        read = allow_statement(
            "s3:GetObject",
            "s3:GetObjectVersion",
            Resource=_object_arns(account, (*flow.inputs, *flow.reads)),
        )
        statements.append(read)
    if flow.outputs:
        # Large objects are multipart uploads, and a failed one is aborted.
        actions = ("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject")
        statements.append(allow_statement(*actions, Resource=_object_arns(account, flow.outputs)))
    # A listing finds out whether the body of a request exists, as for records.
    listed = (*records, flow.request_bodies) if flow.endpoint else records
    return [
        *statements,
        allow_statement("s3:GetObject", "s3:PutObject", Resource=_object_arns(account, records)),
        *_list_bucket_statements(account, (*flow.inputs, *flow.reads, *flow.outputs, *listed)),
        *_kms_key_statements(flow),
    ]


def _list_bucket_statements(
    account: Account, folders: Iterable[BucketFolder]
) -> list[PolicyStatement]:
    """Allow to list these folders, one statement per bucket.

    A request without ``s3:prefix`` is not allowed: it would show the keys of other folders. HEAD
    and GET of a missing key are such requests to S3: they return 403 instead of 404, and the
    supervisor recognizes the missing permission in the error's text (``storage.s3_errors``).
    """
    prefixes_by_bucket: dict[str, set[str]] = {}
    for folder in folders:
        pattern = f"{literal_pattern(folder.prefix)}*"
        prefixes_by_bucket.setdefault(folder.bucket, set()).add(pattern)
    statements = []
    for bucket, prefixes in sorted(prefixes_by_bucket.items()):
        matcher = {} if "*" in prefixes else {"StringLike": {"s3:prefix": sorted(prefixes)}}
        condition = {"Condition": matcher} if matcher else {}
        statements.append(
            allow_statement("s3:ListBucket", Resource=account.s3_arn(bucket), **condition)
        )
    return statements


def _kms_key_statements(flow: DataFlow) -> list[PolicyStatement]:
    """Allow to use the buckets' KMS keys, through S3 only; multipart uploads need Decrypt too."""
    read_buckets, written_buckets = (
        {p.bucket for p in folders}
        for folders in ((*flow.inputs, *flow.reads), (*flow.outputs, flow.run_records))
    )
    statements = []
    for actions, buckets in (
        (("kms:Decrypt",), read_buckets - written_buckets),
        (("kms:Decrypt", "kms:GenerateDataKey"), written_buckets),
    ):
        keys_by_region: dict[str, set[str]] = {}
        for key in (key for bucket, key in flow.kms_keys if bucket in buckets):
            keys_by_region.setdefault(_region_of_key(key, flow.account), set()).add(key)
        for region, keys in sorted(keys_by_region.items()):
            via_s3 = {"StringEquals": {"kms:ViaService": f"s3.{region}.{flow.account.domain}"}}
            statements.append(allow_statement(*actions, Resource=sorted(keys), Condition=via_s3))
    return statements


def _region_of_key(arn: str, account: Account) -> str:
    """Return the Region of a key, which is that of its buckets; reference data may be elsewhere."""
    found = _KEY_ARN.match(arn)
    return found[1] if found else account.region


def _object_arns(account: Account, folders: Iterable[BucketFolder]) -> list[str]:
    return sorted({account.s3_arn(f"{p.bucket}/{literal_pattern(p.prefix)}*") for p in folders})
