"""A space of Onedata over Oneprovider's REST interface as ``ports.ObjectStore``.

An object is written under a temporary name in its folder; a hard link, whose creation fails if its
name exists, then gives it the object's name in one atomic step, with its user metadata (an extended
attribute). To replace an object it is deleted before: for that moment there is none. There are no
checksums. Tested against a double of the protocol, not against a Oneprovider.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from supervisor.aws.errors import AwsError, AwsErrorResponse
from supervisor.aws.request import FileSlice, compute_checksums
from supervisor.descriptors import OpenFile
from supervisor.errors import PreconditionFailed, StorageError
from supervisor.model import IfMatch, IfNoneMatch
from supervisor.storage.byte_ranges import read_byte_range
from supervisor.storage.http_client import StoreHttpClient
from supervisor.storage.local_files import open_source, open_target
from supervisor.storage.onedata_api import (
    OnedataApi,
    is_existing,
    parse_error,
    translate_error,
)
from supervisor.storage.s3_download import DownloadRules, NoChecksum, download_object
from supervisor.storage.s3_errors import object_absent, object_changed
from supervisor.storage.s3_protocol import WRITE_ID_KEY, decode_crc32
from supervisor.storage.webdav.protocol import TEMPORARY_PREFIX, TEMPORARY_SUFFIX, split_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from supervisor.aws.request import Body
    from supervisor.logs import Log
    from supervisor.model import ObjectRef, StoredObject, VersionPin, WriteCondition
    from supervisor.storage.onedata_api import FoundFile
    from supervisor.storage.provider_options import ProviderOptions

MAX_REPLACEMENTS = 3
# Seconds to delete a temporary file: the run may be at its deadline.
CLEANUP_PATIENCE = 3.0


def connect(options: ProviderOptions, environ: Mapping[str, str]) -> OnedataStore:
    """Create a store from the provider's options; raise ConfigError. Nothing is sent yet."""
    origin = options.origin("oneprovider_host")
    space = options.text("space").strip("/")
    if not space:
        raise options.error("space is missing", "Set space")
    options.warn_if_readable(origin)
    client = StoreHttpClient(
        server=options.name,
        origin=origin,
        connections=options.connections(environ, origin),
        authenticate=lambda: {"x-auth-token": options.secret("token")},
        parse_error=parse_error,
    )
    return OnedataStore(api=OnedataApi(client, space), log=options.log)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnedataStore:
    """Adapter of ``ports.ObjectStore``; thread-safe. Bucket and key are a path in the space."""

    api: OnedataApi
    log: Log | None = None
    new_name: Callable[[], str] = field(default=lambda: os.urandom(8).hex())

    def head(self, ref: ObjectRef) -> StoredObject | None:
        found = self._find(ref)
        return None if found is None else self._with_metadata(found, ref)

    def download(self, ref: ObjectRef, target: Path, *, version: VersionPin) -> StoredObject:
        """Stream the file into ``target``; raise ObjectChanged if it changes meanwhile."""
        found = self._find(ref)
        if found is None:
            raise object_absent(ref)
        if version.etag not in ("", found.stored.etag):
            raise object_changed(ref)
        rules = DownloadRules(
            size=found.stored.size, if_match=False, new_verifier=lambda _headers: NoChecksum()
        )
        try:
            with open_target(target, ref) as file:
                request = self.api.content_request(found.id)
                download_object(self.api.client, request, file, ref, rules)
                after = self.api.describe(found.id)
                if after is None or after.stored.etag != found.stored.etag:
                    raise object_changed(ref)
        except AwsError as error:
            raise translate_error(error, ref, "read") from error
        return self._with_metadata(found, ref)

    def read(self, ref: ObjectRef) -> tuple[bytes, StoredObject] | None:
        found = self._find(ref)
        if found is None:
            return None
        try:
            body = self.api.client.send(self.api.content_request(found.id)).body
        except AwsError as error:
            raise translate_error(error, ref, "read") from error
        return body, replace(self._with_metadata(found, ref), size=len(body))

    def read_range(self, ref: ObjectRef, first: int, length: int) -> bytes | None:
        found = self._find(ref)
        if found is None:
            return None
        if first >= found.stored.size:
            return b""
        request = self.api.content_request(found.id)
        most = min(length, found.stored.size - first)
        try:
            return read_byte_range(self.api.client.send, request, first, most)
        except AwsError as error:
            raise translate_error(error, ref, "read") from error

    def write(
        self,
        ref: ObjectRef,
        data: bytes,
        *,
        condition: WriteCondition | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> StoredObject:
        return self._put(ref, data, condition, metadata or {})

    def upload(
        self,
        source: Path | OpenFile,
        ref: ObjectRef,
        *,
        condition: WriteCondition | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> StoredObject:
        if isinstance(source, OpenFile):
            return self._put(ref, FileSlice(source, 0, source.size), condition, metadata or {})
        with open_source(source) as file:
            return self.upload(file, ref, condition=condition, metadata=metadata)

    def delete(self, ref: ObjectRef) -> None:
        """Delete a file, or one that does not exist."""
        found = self._find(ref)
        try:
            if found is not None:
                self.api.remove(found.id)
        except AwsError as error:
            raise translate_error(error, ref, "delete") from error

    def close(self) -> None:
        """Close idle connections; the store can still be used."""
        self.api.client.connections.close()

    def _put(
        self,
        ref: ObjectRef,
        body: Body,
        condition: WriteCondition | None,
        metadata: Mapping[str, str],
    ) -> StoredObject:
        parts, write_id = split_path(ref), self.new_name()
        name = f"{TEMPORARY_PREFIX}{write_id}{TEMPORARY_SUFFIX}"
        size = body.size if isinstance(body, FileSlice) else len(body)
        try:
            crc32 = f"{decode_crc32(compute_checksums(body, is_tls=True).crc32):08x}"
            identifier = self._create((*parts[:-1], name))
            try:
                self.api.put_content(identifier, body)
                self._check_size(identifier, ref, size)
                self.api.set_metadata(identifier, {**metadata, WRITE_ID_KEY: write_id})
                link = self._publish(identifier, ref, condition, write_id)
            finally:
                # The link keeps the content.
                self._discard(identifier, (*parts[:-1], name))
        except AwsError as error:
            raise translate_error(error, ref, "write") from error
        return replace(link.stored, size=size, metadata=dict(metadata), crc32=crc32)

    def _create(self, parts: tuple[str, ...]) -> str:
        """Create the temporary file, whose name no other write has; return its id."""
        try:
            return self.api.create(parts)
        except AwsErrorResponse as error:
            # A repeated request, whose first response was lost.
            found = self.api.find(parts) if is_existing(error) else None
            if found is None:
                raise
            return found.id

    def _check_size(self, identifier: str, ref: ObjectRef, size: int) -> None:
        found = self.api.describe(identifier)
        if found is None or found.stored.size != size:
            got = "no file" if found is None else f"{found.stored.size:,} bytes"
            raise StorageError(
                f"Cannot write {ref}: {size:,} bytes were sent, and the store has {got}.",
                remedy="Check the proxies on the way to it; run it again.",
            )

    def _publish(
        self, identifier: str, ref: ObjectRef, condition: WriteCondition | None, write_id: str
    ) -> FoundFile:
        """Give the file the object's name; raise PreconditionFailed."""
        for _ in range(MAX_REPLACEMENTS):
            existing = self._find(ref)
            if isinstance(condition, IfMatch) and (
                existing is None or existing.stored.etag != condition.etag
            ):
                raise _condition_failed(ref)
            if existing is not None and isinstance(condition, IfNoneMatch):
                raise _condition_failed(ref)
            if existing is not None:
                self.api.remove(existing.id)
            if link := self._link(identifier, ref, write_id):
                return link
            if condition is not None:
                break
        raise _condition_failed(ref)

    def _link(self, identifier: str, ref: ObjectRef, write_id: str) -> FoundFile | None:
        """Create the link; return None if another process has created the name."""
        for attempt in self.api.client.backoff.iter_attempts():
            try:
                self.api.link(split_path(ref), identifier)
            except AwsError as error:
                found = self._find(ref)
                if found is not None and (
                    self.api.read_metadata(found.id).get(WRITE_ID_KEY) == write_id
                ):
                    return found
                if is_existing(error):
                    return None
                if not error.transient or attempt == self.api.client.backoff.max_attempts:
                    raise
                continue
            return self._find(ref)  # None: another process has removed it already
        raise AssertionError

    def _discard(self, identifier: str, parts: tuple[str, ...]) -> None:
        try:
            self.api.remove(identifier, patience=CLEANUP_PATIENCE)
        except AwsError as error:
            # Whether the object was written is known already.
            if self.log is not None:
                self.log.warning(f"{'/'.join(parts)} could not be deleted: {error.problem}")

    def _find(self, ref: ObjectRef) -> FoundFile | None:
        try:
            return self.api.find(split_path(ref))
        except AwsError as error:
            raise translate_error(error, ref, "read") from error

    def _with_metadata(self, found: FoundFile, ref: ObjectRef) -> StoredObject:
        try:
            metadata = self.api.read_metadata(found.id)
        except AwsError as error:
            raise translate_error(error, ref, "read") from error
        metadata.pop(WRITE_ID_KEY, None)
        return replace(found.stored, metadata=metadata)


def _condition_failed(ref: ObjectRef) -> PreconditionFailed:
    return PreconditionFailed(
        f"{ref} is not in the expected state: another process has written it.",
        remedy="Nothing to do if another run of the same input is in progress.",
    )
