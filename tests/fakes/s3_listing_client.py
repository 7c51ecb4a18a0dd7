"""A fake boto3 S3 client in memory, with the operations that readers of run records call."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 1_790_000_000.0


def client_error(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)


class _Exceptions:
    class NoSuchBucket(ClientError):
        pass

    class NoSuchKey(ClientError):
        pass

    ClientError = ClientError


@dataclass
class ListedS3:
    """Objects (body and time) by key; ``calls`` counts operations; a page has ``page`` keys."""

    objects: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    now: float = NOW
    page: int = 1000
    exceptions = _Exceptions

    def put(self, key: str, age: float, body: bytes = b"{}") -> None:
        """Store an object that is ``age`` seconds old, without counting a call."""
        self.objects[key] = (body, self.now - age)

    def list_objects_v2(self, **params: Any) -> dict[str, Any]:  # noqa: ANN401 as boto3 has it
        self.calls["list"] += 1
        prefix, after = (
            params["Prefix"],
            params.get("ContinuationToken", params.get("StartAfter", "")),
        )
        keys = sorted(k for k in self.objects if k.startswith(prefix) and k > after)
        page, more = keys[: self.page], len(keys) > self.page
        response: dict[str, Any] = {
            "ResponseMetadata": {"HTTPHeaders": {"date": formatdate(self.now, usegmt=True)}},
            "Contents": [
                {
                    "Key": k,
                    "LastModified": datetime.fromtimestamp(self.objects[k][1], UTC),
                    "ETag": self.etag_of(k),
                }
                for k in page
            ],
        }
        return response | ({"NextContinuationToken": page[-1]} if more else {})

    def get_paginator(self, operation: str) -> ListedS3:
        assert operation == "list_objects_v2"
        return self

    def paginate(
        self,
        *,
        Bucket: str,  # noqa: N803
        Prefix: str,  # noqa: N803
        Delimiter: str = "",  # noqa: N803
        StartAfter: str = "",  # noqa: N803
    ) -> Iterator[dict[str, Any]]:
        del Bucket
        if not Delimiter:
            token: str | None = StartAfter
            while token is not None:
                found = self.list_objects_v2(Prefix=Prefix, ContinuationToken=token)
                yield found
                token = found.get("NextContinuationToken")
            return
        self.calls["list"] += 1
        rest = {k[len(Prefix) :] for k in self.objects if k.startswith(Prefix)}
        folders = sorted({r.partition(Delimiter)[0] for r in rest if Delimiter in r})
        yield {"CommonPrefixes": [{"Prefix": f"{Prefix}{f}{Delimiter}"} for f in folders]}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        del Bucket
        self.calls["get"] += 1
        if Key not in self.objects:
            raise self.exceptions.NoSuchKey({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Key][0]), "ETag": self.etag_of(Key)}

    def put_object(self, **params: Any) -> None:  # noqa: ANN401 as boto3 has it
        self.calls["put"] += 1
        if params.get("IfNoneMatch") and params["Key"] in self.objects:
            raise client_error("PreconditionFailed", "PutObject")
        self._check_etag(params["Key"], params.get("IfMatch"), "PutObject")
        self.put(params["Key"], 0, params["Body"])

    def copy_object(self, *, Bucket: str, Key: str, CopySource: dict[str, str]) -> None:  # noqa: N803
        assert CopySource["Bucket"] == Bucket
        self.calls["copy"] += 1
        if CopySource["Key"] not in self.objects:
            raise self.exceptions.NoSuchKey({"Error": {"Code": "NoSuchKey"}}, "CopyObject")
        self.put(Key, 0, self.objects[CopySource["Key"]][0])

    def delete_object(self, *, Bucket: str, Key: str, IfMatch: str | None = None) -> None:  # noqa: N803
        del Bucket
        self.calls["delete"] += 1
        self._check_etag(Key, IfMatch, "DeleteObject")
        self.objects.pop(Key, None)

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        self.calls["head"] += 1
        if f"{Bucket}/{Key}" not in self.metadata:
            raise client_error("404", "HeadObject")
        return {"Metadata": self.metadata[f"{Bucket}/{Key}"]}

    def etag_of(self, key: str) -> str:
        """Return the ETag of an existing object."""
        return f'"{hashlib.md5(self.objects[key][0], usedforsecurity=False).hexdigest()}"'

    def _check_etag(self, key: str, expected: str | None, operation: str) -> None:
        if expected is None:
            return
        if key not in self.objects:
            raise self.exceptions.NoSuchKey({"Error": {"Code": "NoSuchKey"}}, operation)
        if self.etag_of(key) != expected:
            raise client_error("PreconditionFailed", operation)
