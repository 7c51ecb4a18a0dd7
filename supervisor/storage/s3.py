"""Amazon S3, and stores that speak its API with conditional writes, as an ``ObjectStore``."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from supervisor.aws import endpoints
from supervisor.aws.client import AwsClient, Pacing
from supervisor.aws.connection_pool import Connections
from supervisor.aws.credentials import source as credential_source
from supervisor.aws.errors import AwsError, NoCredentials
from supervisor.aws.request import FilePart
from supervisor.errors import ConfigError, DiskFull, StorageError
from supervisor.storage.s3_api import S3Calls
from supervisor.storage.s3_download import Check, fetch
from supervisor.storage.s3_errors import is_absent, translated
from supervisor.storage.s3_protocol import MIB, described, quoted
from supervisor.storage.s3_upload import Draft, put, put_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from supervisor.model import Condition, ObjectRef, StoredObject, VersionPin


def connect(
    environ: Mapping[str, str],
    pacing: Pacing | None = None,
    owners: Mapping[str, str] | None = None,
) -> S3Store:
    """Make a store from the environment of a function or job; raise ConfigError.

    ``owners`` names the accounts that buckets must be of.
    """
    try:
        credentials = credential_source(environ)
    except NoCredentials as error:
        raise ConfigError(error.problem, remedy=error.remedy) from error
    client = AwsClient(
        service="s3",
        region=endpoints.region(environ),
        credentials=credentials,
        connections=Connections(environ),
        pacing=pacing or Pacing(),
    )
    return S3Store(calls=S3Calls(client, environ, owners or {}))


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Store:
    """Adapter of ``ports.ObjectStore``; safe for threads.

    Files above ``single`` bytes are sent in parts of at least ``part`` bytes, one after the
    other. ``new_id`` makes the word that marks each write (user metadata ``scar-write``, not
    shown to callers).
    """

    calls: S3Calls
    single: int = 64 * MIB
    part: int = 16 * MIB
    new_id: Callable[[], str] = lambda: os.urandom(8).hex()

    def head(self, ref: ObjectRef) -> StoredObject | None:
        """Describe the object; None if there is none (or no such bucket: HEAD cannot tell)."""
        headers = self.calls.head(ref)
        return described(headers) if headers is not None else None

    def download(self, ref: ObjectRef, target: Path, *, version: VersionPin) -> StoredObject:
        """Stream the pinned version into ``target``; no file is left behind by a failure."""
        action = "s3:GetObjectVersion" if version.version_id else "s3:GetObject"
        request = self.calls.request("GET", ref, headers={"x-amz-checksum-mode": "ENABLED"})
        if version.version_id:
            request = replace(request, query=(("versionId", version.version_id),))
        if version.etag:
            headers = {**request.headers, "if-match": quoted(version.etag)}
            request = replace(request, headers=headers)
        try:
            with target.open("wb") as file:
                return fetch(self.calls.client, request, file, ref)
        except BaseException as error:
            target.unlink(missing_ok=True)
            if isinstance(error, AwsError):
                raise translated(error, ref, action) from error
            if isinstance(error, OSError) and error.errno in DiskFull.NUMBERS:
                raise DiskFull(
                    f"{ref} does not fit on the disk of {target.parent}.",
                    remedy="Give the function more ephemeral_storage, or let Batch take over"
                    " (mode lambda-batch).",
                ) from error
            if isinstance(error, OSError):
                raise StorageError(
                    f"Cannot write {ref} to {target}: {error.strerror or error}.",
                    remedy="Look at the folder's permissions.",
                ) from error
            raise

    def read(self, ref: ObjectRef) -> tuple[bytes, StoredObject] | None:
        request = self.calls.request("GET", ref, headers={"x-amz-checksum-mode": "ENABLED"})
        try:
            answer = self.calls.client.send(request)
        except AwsError as error:
            if is_absent(error):
                return None
            raise translated(error, ref, "s3:GetObject") from error
        check = Check(answer.headers)
        check.update(answer.body)
        check.verify(ref)
        return answer.body, described(answer.headers, size=len(answer.body))

    def write(
        self,
        ref: ObjectRef,
        data: bytes,
        *,
        condition: Condition | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> StoredObject:
        return put(self.calls, ref, data, self._draft(condition, metadata))

    def upload(
        self,
        source: Path,
        ref: ObjectRef,
        *,
        condition: Condition | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> StoredObject:
        try:
            size = source.stat().st_size
        except OSError as error:
            raise StorageError(
                f"Cannot read {source}: {error.strerror}.", remedy="Check that the file exists."
            ) from error
        whole, draft = FilePart(source, 0, size), self._draft(condition, metadata)
        if size <= self.single:
            return put(self.calls, ref, whole, draft)
        return put_parts(self.calls, ref, whole, draft, smallest=self.part)

    def close(self) -> None:
        """Close idle connections; the store can still be used."""
        self.calls.client.connections.close()

    def _draft(self, condition: Condition | None, metadata: Mapping[str, str] | None) -> Draft:
        return Draft(condition, metadata or {}, self.new_id())
