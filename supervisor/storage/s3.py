"""Amazon S3, or a store with its API and conditional writes, as ``ports.ObjectStore``."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from supervisor.aws import endpoints
from supervisor.aws.client import AwsClient
from supervisor.aws.connection_pool import ConnectionPool
from supervisor.aws.credentials import find_credentials
from supervisor.aws.errors import AwsError, AwsErrorResponse, NoCredentials
from supervisor.aws.request import FileSlice
from supervisor.aws.retry import Backoff
from supervisor.descriptors import OpenFile
from supervisor.errors import ConfigError
from supervisor.storage.byte_ranges import read_byte_range
from supervisor.storage.local_files import open_source, open_target
from supervisor.storage.s3_api import S3ObjectApi
from supervisor.storage.s3_download import ChecksumVerifier, DownloadRules, download_object
from supervisor.storage.s3_errors import object_absent, translate_error
from supervisor.storage.s3_protocol import MIB, parse_object_headers, quote_etag
from supervisor.storage.s3_upload import WriteOptions, put_multipart, put_object

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from supervisor.aws.credentials import CredentialProvider
    from supervisor.model import (
        BucketEncryption,
        ObjectRef,
        StoredObject,
        VersionPin,
        WriteCondition,
    )


def connect(
    environ: Mapping[str, str],
    backoff: Backoff | None = None,
    bucket_owners: Mapping[str, str] | None = None,
    encryption: tuple[BucketEncryption, ...] = (),
) -> S3Store:
    """Create a store from the environment of a function or job; raise ConfigError.

    ``bucket_owners`` are the account ids that must own the buckets, ``encryption`` what writes to
    buckets request.
    """
    client = AwsClient(
        service="s3",
        credentials=find_own_credentials(environ),
        region=endpoints.read_region(environ),
        connections=ConnectionPool(environ),
        backoff=backoff or Backoff(),
    )
    return S3Store(api=S3ObjectApi(client, environ, bucket_owners or {}, encryption))


def find_own_credentials(environ: Mapping[str, str]) -> CredentialProvider:
    """Return the credentials of the function or job; raise ConfigError without any."""
    try:
        return find_credentials(environ)
    except NoCredentials as error:
        raise ConfigError(error.problem, remedy=error.remedy) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Store:
    """Adapter of ``ports.ObjectStore``; thread-safe.

    Files above ``multipart_threshold`` bytes are sent in parts of at least ``min_part_size`` bytes,
    one after the other. ``new_write_id`` returns the unique id of a write (user metadata
    ``scar-write``, hidden from callers).
    """

    api: S3ObjectApi
    multipart_threshold: int = 64 * MIB
    min_part_size: int = 16 * MIB
    new_write_id: Callable[[], str] = lambda: os.urandom(8).hex()

    def head(self, ref: ObjectRef) -> StoredObject | None:
        """Return the object's properties; None if it or its bucket does not exist (HEAD: 404)."""
        headers = self.api.head(ref)
        return parse_object_headers(headers) if headers is not None else None

    def download(self, ref: ObjectRef, target: Path, *, version: VersionPin) -> StoredObject:
        """Stream the version into ``target``; after a failure no file is left."""
        action = "s3:GetObjectVersion" if version.version_id else "s3:GetObject"
        request = self.api.build_get(ref)
        if version.version_id:
            request = replace(request, query=(("versionId", version.version_id),))
        if version.etag:
            headers = {**request.headers, "if-match": quote_etag(version.etag)}
            request = replace(request, headers=headers)
        try:
            with open_target(target, ref) as file:
                # Compared here too: not every store with S3's API knows If-Match.
                rules = DownloadRules(etag=version.etag.strip('"'))
                return download_object(self.api.client, request, file, ref, rules)
        except AwsError as error:
            if isinstance(error, AwsErrorResponse) and self._is_deleted(error, ref):
                raise object_absent(ref) from error
            raise translate_error(error, ref, action) from error

    def _is_deleted(self, error: AwsErrorResponse, ref: ObjectRef) -> bool:
        """Return whether S3 answered 403 to a GET because the key is missing, not a permission."""
        return error.status == 403 and self.api.is_absent(error, ref)

    def read(self, ref: ObjectRef) -> tuple[bytes, StoredObject] | None:
        request = self.api.build_get(ref)
        try:
            response = self.api.client.send(request)
        except AwsError as error:
            if self.api.is_absent(error, ref):
                return None
            raise translate_error(error, ref, "s3:GetObject") from error
        verifier = ChecksumVerifier(response.headers)
        verifier.update(response.body)
        verifier.verify(ref)
        return response.body, parse_object_headers(response.headers, size=len(response.body))

    def read_range(self, ref: ObjectRef, first: int, length: int) -> bytes | None:
        """Return a part of an object; S3 has no checksum for it."""
        request = self.api.build_request("GET", ref)
        try:
            return read_byte_range(self.api.client.send, request, first, length)
        except AwsError as error:
            if self.api.is_absent(error, ref):
                return None
            raise translate_error(error, ref, "s3:GetObject") from error

    def write(
        self,
        ref: ObjectRef,
        data: bytes,
        *,
        condition: WriteCondition | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> StoredObject:
        return put_object(self.api, ref, data, self._write_options(condition, metadata))

    def upload(
        self,
        source: Path | OpenFile,
        ref: ObjectRef,
        *,
        condition: WriteCondition | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> StoredObject:
        if isinstance(source, OpenFile):
            return self._upload_open_file(source, ref, self._write_options(condition, metadata))
        with open_source(source) as file:
            return self.upload(file, ref, condition=condition, metadata=metadata)

    def _upload_open_file(
        self, source: OpenFile, ref: ObjectRef, options: WriteOptions
    ) -> StoredObject:
        whole = FileSlice(source, 0, source.size)
        if source.size <= self.multipart_threshold:
            return put_object(self.api, ref, whole, options)
        return put_multipart(self.api, ref, whole, options, min_part_size=self.min_part_size)

    def delete(self, ref: ObjectRef) -> None:
        """Delete an object, or one that does not exist; with versions a marker is added."""
        try:
            self.api.client.send(self.api.build_request("DELETE", ref))
        except AwsError as error:
            raise translate_error(error, ref, "s3:DeleteObject") from error

    def close(self) -> None:
        """Close idle connections; the store can still be used."""
        self.api.client.connections.close()

    def _write_options(
        self, condition: WriteCondition | None, metadata: Mapping[str, str] | None
    ) -> WriteOptions:
        return WriteOptions(condition, metadata or {}, self.new_write_id())
