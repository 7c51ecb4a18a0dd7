"""Builds and sends requests about objects to one S3 endpoint."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from supervisor.aws import endpoints
from supervisor.aws.errors import AwsError, AwsErrorResponse
from supervisor.aws.request import AwsRequest, compute_checksums
from supervisor.storage.s3_errors import is_not_found, translate_error
from supervisor.storage.s3_protocol import check_key, encryption_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.aws.client import AwsClient, AwsResponse
    from supervisor.aws.request import Body, Origin
    from supervisor.model import BucketEncryption, ObjectRef, StoredObject

LISTED = 1000  # objects of a page, at most
QueryParameters = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Dialect:
    """What a store understands of S3's API; the defaults are Amazon's.

    ``path_style``: the bucket is in the path, not in the host; None: as ``endpoints`` chooses.
    ``crc32``: it knows x-amz-checksum-crc32; other stores get Content-MD5 and a signed SHA-256.
    ``conditions``: write conditions are sent. ``head_first``: they are checked by HEAD before the
    write, which is not atomic: for stores that ignore them, or may do so.
    """

    path_style: bool | None = None
    crc32: bool = True
    conditions: bool = True
    head_first: bool = False


@dataclass(frozen=True, slots=True)
class S3ObjectApi:
    """Builds and sends requests about objects; ``environ`` may name a custom endpoint.

    ``bucket_owners``: the account ids that must own certain buckets; S3 rejects the request if
    another account does. ``encryption`` is what writes to buckets request.
    """

    client: AwsClient
    environ: Mapping[str, str]
    bucket_owners: Mapping[str, str] = field(default_factory=dict)
    encryption: tuple[BucketEncryption, ...] = ()
    dialect: S3Dialect = S3Dialect()

    def build_request(
        self,
        method: str,
        ref: ObjectRef,
        *,
        headers: Mapping[str, str] | None = None,
        query: QueryParameters = (),
    ) -> AwsRequest:
        """Return a request for an object; raise StorageError for a key that S3 would reject."""
        check_key(ref)
        origin, prefix = self._bucket_endpoint(ref.bucket)
        return AwsRequest(
            method=method,
            origin=origin,
            path=f"{prefix}/{ref.key}",
            query=query,
            headers={**self._expected_owner_header(ref.bucket), **(headers or {})},
        )

    def _build_listing(self, ref: ObjectRef, most: int = 1) -> AwsRequest:
        from supervisor.storage.s3_listing import listing_query

        origin, prefix = self._bucket_endpoint(ref.bucket)
        return AwsRequest(
            method="GET",
            origin=origin,
            path=f"{prefix}/",
            query=listing_query(ref, most),
            headers=self._expected_owner_header(ref.bucket),
        )

    def _bucket_endpoint(self, bucket: str) -> tuple[Origin, str]:
        return endpoints.bucket_endpoint(
            bucket, self.client.region, self.environ, path_style=self.dialect.path_style
        )

    def _expected_owner_header(self, bucket: str) -> dict[str, str]:
        owner = self.bucket_owners.get(bucket)
        return {"x-amz-expected-bucket-owner": owner} if owner else {}

    def encryption_headers(self, bucket: str) -> dict[str, str]:
        """Return the headers of a write: bucket policies may deny writes without them.

        For an upload in parts, S3 takes them from CreateMultipartUpload.
        """
        chosen = next((item for item in self.encryption if item.bucket == bucket), None)
        return encryption_headers(chosen) if chosen else {}

    def build_get(self, ref: ObjectRef) -> AwsRequest:
        """Return a request for an object's content, with its checksum if the store has one."""
        mode = {"x-amz-checksum-mode": "ENABLED"} if self.dialect.crc32 else {}
        return self.build_request("GET", ref, headers=mode)

    def with_body(self, request: AwsRequest, body: Body, ref: ObjectRef) -> tuple[AwsRequest, str]:
        """Add a body with its checksums; return its CRC-32 too. A file is read once for them."""
        crc32 = self.dialect.crc32
        try:
            sums = compute_checksums(body, is_tls=request.origin.is_tls, with_md5=not crc32)
        except AwsError as error:
            raise translate_error(error, ref, "s3:PutObject") from error
        # The store verifies the checksum before it stores the object.
        own = {"x-amz-checksum-crc32": sums.crc32} if crc32 else {"content-md5": sums.md5}
        headers = {**request.headers, **own}
        request = replace(request, headers=headers, body=body, known_payload_hash=sums.payload_hash)
        return request, sums.crc32

    def send(self, request: AwsRequest, ref: ObjectRef) -> AwsResponse:
        """Send a request that belongs to a write and may be repeated."""
        try:
            return self.client.send(request)
        except AwsError as error:
            raise translate_error(error, ref, "s3:PutObject") from error

    def head(self, ref: ObjectRef) -> Mapping[str, str] | None:
        """Return the object's headers, or None if it does not exist."""
        head = self.build_request("HEAD", ref)
        try:
            return self.client.send(head).headers
        except AwsError as error:
            if is_not_found(error):
                return None
            if not (isinstance(error, AwsErrorResponse) and error.status in (400, 403)):
                raise translate_error(error, ref, "s3:GetObject") from error
        # A response to HEAD has no body, so no error code; GET returns the reason.
        try:
            reply = self.client.open(self.build_request("GET", ref))
        except AwsError as error:
            if self.is_absent(error, ref):
                return None
            raise translate_error(error, ref, "s3:GetObject") from error
        reply.close()
        return reply.headers

    def is_absent(self, error: AwsError, ref: ObjectRef) -> bool:
        """Return whether a failed GET means that no object has this key.

        A 403 whose message does not tell is clarified by a listing with the key as its prefix.
        """
        if is_not_found(error):
            return True
        if not (isinstance(error, AwsErrorResponse) and error.code == "AccessDenied"):
            return False
        from supervisor.storage.s3_listing import is_certainly_absent

        return is_certainly_absent(self.client, self._build_listing(ref), ref)

    def find_object(self, ref: ObjectRef) -> StoredObject | None:
        """Return what a listing says about the object; None if absent or not allowed."""
        from supervisor.storage.s3_listing import find_object

        return find_object(self.client, self._build_listing(ref), ref)

    def list_objects(self, ref: ObjectRef) -> dict[str, StoredObject]:
        """Return the first objects whose keys begin with the key of ``ref``, by key."""
        from supervisor.storage.s3_listing import list_objects

        return list_objects(self.client, self._build_listing(ref, LISTED), ref)
