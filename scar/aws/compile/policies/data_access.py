"""What a function may do with objects and with the keys that encrypt them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.compile.policies.document import PolicyStatement, allow_statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scar.aws.compile.policies.data_flow import BucketFolder, DataFlow
    from scar.aws.model.account import Account


def data_statements(flow: DataFlow) -> list[PolicyStatement]:
    """Read inputs; read, write and tell absent from forbidden in outputs and own records."""
    account, records = flow.account, (flow.run_records,)
    statements = []
    if flow.inputs:
        read = allow_statement(
            "s3:GetObject", "s3:GetObjectVersion", Resource=_object_arns(account, flow.inputs)
        )
        statements.append(read)
    if flow.outputs:
        # What is large is uploaded in parts, and an upload that breaks is taken back.
        parts = ("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject")
        statements.append(allow_statement(*parts, Resource=_object_arns(account, flow.outputs)))
    return [
        *statements,
        allow_statement("s3:GetObject", "s3:PutObject", Resource=_object_arns(account, records)),
        *_list_bucket_statements(account, (*flow.inputs, *flow.outputs, *records)),
        *_kms_key_statements(flow),
    ]


def _list_bucket_statements(
    account: Account, places: Iterable[BucketFolder]
) -> list[PolicyStatement]:
    """Allow to list these folders, one statement per bucket.

    HEAD and GET of an absent key answer 403 instead of 404 without s3:ListBucket, and S3 knows
    no ``s3:prefix`` for them: a plain StringLike would be false and make it 403 again. Hence
    ``IfExists``. It refuses a LIST that names another folder; one that names none it lets pass,
    which shows names of objects, never what is in them.
    """
    folders: dict[str, set[str]] = {}
    for place in places:
        folders.setdefault(place.bucket, set()).add(f"{place.prefix}*")
    statements = []
    for bucket, prefixes in sorted(folders.items()):
        only = {} if "*" in prefixes else {"StringLikeIfExists": {"s3:prefix": sorted(prefixes)}}
        condition = {"Condition": only} if only else {}
        statements.append(
            allow_statement("s3:ListBucket", Resource=account.s3_arn(bucket), **condition)
        )
    return statements


def _kms_key_statements(flow: DataFlow) -> list[PolicyStatement]:
    """Use the buckets' keys through S3 only; who uploads in parts also decrypts."""
    account = flow.account
    read, written = ({p.bucket for p in places} for places in (flow.inputs, flow.outputs))
    through = {
        "StringEquals": {"kms:ViaService": f"s3.{account.region}.{account.domain}"},
    }
    statements = []
    for actions, buckets in (
        (("kms:Decrypt",), read - written),
        (("kms:Decrypt", "kms:GenerateDataKey"), written),
    ):
        keys = sorted({key for bucket, key in flow.kms_keys if bucket in buckets})
        if keys:
            statements.append(allow_statement(*actions, Resource=keys, Condition=through))
    return statements


def _object_arns(account: Account, places: Iterable[BucketFolder]) -> list[str]:
    return sorted({account.s3_arn(f"{p.bucket}/{p.prefix}*") for p in places})
