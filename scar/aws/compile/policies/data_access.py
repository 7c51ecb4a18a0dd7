"""What a function may do with objects and with the keys that encrypt them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.compile.policies.document import Statement, allow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scar.aws.compile.policies.data_flow import DataFlow, Place
    from scar.aws.model.account import Account


def data(flow: DataFlow) -> list[Statement]:
    """Read inputs; read, write and tell absent from forbidden in outputs and own records."""
    account, records = flow.account, (flow.runs,)
    statements = []
    if flow.inputs:
        read = allow("s3:GetObject", "s3:GetObjectVersion", Resource=_objects(account, flow.inputs))
        statements.append(read)
    if flow.outputs:
        # What is large is uploaded in parts, and an upload that breaks is taken back.
        parts = ("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject")
        statements.append(allow(*parts, Resource=_objects(account, flow.outputs)))
    return [
        *statements,
        allow("s3:GetObject", "s3:PutObject", Resource=_objects(account, records)),
        *_listed(account, (*flow.inputs, *flow.outputs, *records)),
        *_keys(flow),
    ]


def _listed(account: Account, places: Iterable[Place]) -> list[Statement]:
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
        statements.append(allow("s3:ListBucket", Resource=account.s3_arn(bucket), **condition))
    return statements


def _keys(flow: DataFlow) -> list[Statement]:
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
            statements.append(allow(*actions, Resource=keys, Condition=through))
    return statements


def _objects(account: Account, places: Iterable[Place]) -> list[str]:
    return sorted({account.s3_arn(f"{p.bucket}/{p.prefix}*") for p in places})
