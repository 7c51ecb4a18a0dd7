"""The server-side encryption that a function's writes request, by bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import names
from supervisor.model import BucketEncryption

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scar.aws.model.account import Account
    from scar.aws.model.function import Function


def requests_encryption(function: Function) -> bool:
    """Return whether the function requests encryption for any bucket."""
    spec = function.lambda_
    return bool(spec.sse) or any(storage.sse for storage in (*spec.input, *spec.output))


def bucket_encryption(function: Function, account: Account) -> tuple[BucketEncryption, ...]:
    """Return what is requested for the function's buckets and for its run records.

    An entry of ``input`` or ``output`` counts for its whole bucket, before ``lambda.sse``. Buckets
    without either are left out: their default encryption applies.
    """
    spec = function.lambda_
    chosen: dict[str, tuple[str, str]] = {}
    for storage in (*function.account_inputs, *function.account_outputs):
        if storage.sse:
            chosen.setdefault(storage.bucket, (storage.sse, storage.sse_kms_key_id))
    if spec.sse:
        for bucket in (*function.buckets, names.state_bucket_name(account)):
            chosen.setdefault(bucket, (spec.sse, spec.sse_kms_key_id))
    return tuple(
        BucketEncryption(bucket=bucket, algorithm=algorithm, key_id=key)
        for bucket, (algorithm, key) in sorted(chosen.items())
    )


def encryption_of_all(
    functions: Iterable[Function], account: Account
) -> tuple[BucketEncryption, ...]:
    """Return what a deployment requests for the objects that it writes itself.

    If functions choose different encryptions for a bucket, the first one counts.
    """
    found: dict[str, BucketEncryption] = {}
    for function in functions:
        for item in bucket_encryption(function, account):
            found.setdefault(item.bucket, item)
    return tuple(found.values())


def kms_keys_of(
    encryption: Iterable[BucketEncryption], account: Account
) -> tuple[tuple[str, str], ...]:
    """Return pairs of a bucket and the ARN of the KMS key that is requested for it."""
    return tuple(
        (item.bucket, _key_arn(item.key_id, account)) for item in encryption if item.key_id
    )


def _key_arn(key: str, account: Account) -> str:
    return key if key.startswith("arn:") else account.arn("kms", f"key/{key}")
