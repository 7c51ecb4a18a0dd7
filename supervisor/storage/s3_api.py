"""Requests to one S3 endpoint, and the two calls that every operation needs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from supervisor.aws import endpoints
from supervisor.aws.errors import AwsError, ErrorAnswer
from supervisor.aws.request import AwsRequest, digests
from supervisor.storage.s3_errors import is_absent, translated
from supervisor.storage.s3_protocol import check_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.aws.client import Answer, AwsClient
    from supervisor.aws.request import Body
    from supervisor.model import ObjectRef

Query = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class S3Calls:
    """Builds and sends requests about objects; ``environ`` may name another endpoint.

    ``owners`` are the accounts that some buckets must be of; S3 refuses if they are not.
    """

    client: AwsClient
    environ: Mapping[str, str]
    owners: Mapping[str, str] = field(default_factory=dict)

    def request(
        self,
        method: str,
        ref: ObjectRef,
        *,
        headers: Mapping[str, str] | None = None,
        query: Query = (),
    ) -> AwsRequest:
        """Address the object; raise StorageError for a key that S3 would refuse."""
        check_key(ref)
        origin, prefix = endpoints.bucket_location(ref.bucket, self.client.region, self.environ)
        return AwsRequest(
            method=method,
            origin=origin,
            path=f"{prefix}/{ref.key}",
            query=query,
            headers={**self._owner(ref.bucket), **(headers or {})},
        )

    def _owner(self, bucket: str) -> dict[str, str]:
        owner = self.owners.get(bucket)
        return {"x-amz-expected-bucket-owner": owner} if owner else {}

    def with_body(self, request: AwsRequest, body: Body, ref: ObjectRef) -> AwsRequest:
        """Add a body with its checksum; a file is read once for that."""
        try:
            sums = digests(body, tls=request.origin.tls)
        except AwsError as error:
            raise translated(error, ref, "s3:PutObject") from error
        headers = {**request.headers, "x-amz-checksum-crc32": sums.crc32}
        return replace(request, headers=headers, body=body, payload=sums.payload)

    def send(self, request: AwsRequest, ref: ObjectRef) -> Answer:
        """Send a part of a write that may be repeated."""
        try:
            return self.client.send(request)
        except AwsError as error:
            raise translated(error, ref, "s3:PutObject") from error

    def head(self, ref: ObjectRef) -> Mapping[str, str] | None:
        """Return the object's headers, or None if there is none."""
        head = self.request("HEAD", ref)
        try:
            return self.client.send(head).headers
        except AwsError as error:
            if is_absent(error):
                return None
            if not (isinstance(error, ErrorAnswer) and error.status in (400, 403)):
                raise translated(error, ref, "s3:GetObject") from error
        # Answers to HEAD have no body and so no reason; the same question by GET has one.
        try:
            reply = self.client.open(self.request("GET", ref))
        except AwsError as error:
            if is_absent(error):
                return None
            raise translated(error, ref, "s3:GetObject") from error
        reply.close()
        return reply.headers
