"""Write a file of a WebDAV server: a temporary name, checked, then moved.

An object is written under a temporary name in its folder, checked, and moved to its own name:
Apache and nginx write a PUT to a temporary file themselves, other servers do not, and an incomplete
file must never have the object's name. ``Overwrite: F`` makes the move fail if the name exists
(412). PUT with If-None-Match would not do: nginx ignores it. No server promises that the move is
atomic against another client's, so two writers at the same moment may both succeed; the file is
then the complete file of one of them.

User metadata is a dead property (PROPPATCH), set before the move. nginx and others have none: then
an object has no metadata, and a run that is repeated writes its outputs again.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from supervisor.aws.errors import AwsError, AwsErrorResponse
from supervisor.aws.request import AwsRequest, FileSlice, compute_checksums
from supervisor.errors import PreconditionFailed, StorageError
from supervisor.model import IfMatch, IfNoneMatch
from supervisor.storage.http_client import with_headers
from supervisor.storage.s3_errors import name_clash_remedy
from supervisor.storage.s3_protocol import decode_crc32
from supervisor.storage.webdav.api import NO_PROPERTIES, XML_TYPE, WebDavApi, is_absent
from supervisor.storage.webdav.protocol import (
    NAME_CLASH_STATUSES,
    TEMPORARY_PREFIX,
    TEMPORARY_SUFFIX,
    build_property_update,
    split_path,
    translate_error,
    was_property_set,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supervisor.aws.request import Body
    from supervisor.model import ObjectRef, StoredObject, WriteCondition
    from supervisor.storage.webdav.folders import FolderMaker

# Seconds to delete a temporary file after a failure: the run may be at its deadline.
CLEANUP_PATIENCE = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WebDavWriter:
    """Writes files; thread-safe. ``new_name`` returns the unique part of a temporary name."""

    api: WebDavApi
    folders: FolderMaker
    new_name: Callable[[], str] = field(default=lambda: os.urandom(8).hex())

    def put(
        self,
        ref: ObjectRef,
        body: Body,
        condition: WriteCondition | None,
        metadata: Mapping[str, str],
    ) -> StoredObject:
        parts = split_path(ref)
        temporary = (*parts[:-1], f"{TEMPORARY_PREFIX}{self.new_name()}{TEMPORARY_SUFFIX}")
        try:
            crc32 = f"{decode_crc32(compute_checksums(body, is_tls=True).crc32):08x}"
            self._send_file(temporary, parts, body)
            size = body.size if isinstance(body, FileSlice) else len(body)
            self._check_size(temporary, ref, size)
            stored = self._set_metadata(temporary, metadata)
            self._check_condition(ref, condition)
            self._move(temporary, ref, overwrite=not isinstance(condition, IfNoneMatch))
        except BaseException as error:  # also DeadlineExceeded, which a signal handler raises
            self._discard(temporary, error)
            if isinstance(error, AwsError):
                raise self._explain(error, ref) from error
            raise
        found = self.api.head(self.api.request("HEAD", parts), ref)
        if found is None:
            raise StorageError(
                f"{ref} was removed by another process right after it was written.",
                remedy="Use different output folders for functions that run at the same time.",
            )
        return replace(found, size=size, metadata=stored, crc32=crc32)

    def _explain(self, error: AwsError, ref: ObjectRef) -> StorageError:
        """Return the error to raise; find out whether a name is that of a file and a folder."""
        if isinstance(error, AwsErrorResponse) and error.status in NAME_CLASH_STATUSES:
            clash = self.api.find_name_clash(split_path(ref))
            if clash:
                return StorageError(
                    f"Cannot write {ref}: {clash} ({error.problem}).",
                    remedy=name_clash_remedy(error.server),
                )
        return translate_error(error, ref, "write")

    def _send_file(self, temporary: tuple[str, ...], parts: tuple[str, ...], body: Body) -> None:
        self.folders.make(parts[:-1])
        request = replace(self.api.request("PUT", temporary), body=body)
        request = with_headers(request, {"content-type": "application/octet-stream"})
        try:
            self.api.client.send(request)
        except AwsErrorResponse as error:
            # The folder may have been removed since: nginx returns 500 then.
            if error.status not in (404, 409, 500):
                raise
            self.folders.make(parts[:-1], again=True)
            self.api.client.send(request)

    def _check_size(self, temporary: tuple[str, ...], ref: ObjectRef, size: int) -> None:
        found = self.api.head(self.api.request("HEAD", temporary), ref)
        if found is None or found.size != size:
            got = "no file" if found is None else f"{found.size:,} bytes"
            raise StorageError(
                f"Cannot write {ref}: {size:,} bytes were sent, and the server has {got}.",
                remedy="Check the server's limits and the proxies on the way to it; run it again.",
            )

    def _set_metadata(
        self, temporary: tuple[str, ...], metadata: Mapping[str, str]
    ) -> dict[str, str]:
        """Set the dead property; return what was set, nothing where properties do not exist."""
        if not metadata:
            return {}
        request = replace(
            with_headers(self.api.request("PROPPATCH", temporary), XML_TYPE),
            body=build_property_update(metadata),
        )
        try:
            response = self.api.client.send(request)
        except AwsErrorResponse as error:
            if error.status in NO_PROPERTIES:
                return {}
            raise
        return dict(metadata) if was_property_set(response.body) else {}

    def _check_condition(self, ref: ObjectRef, condition: WriteCondition | None) -> None:
        if isinstance(condition, IfMatch):
            found = self.api.head(self.api.request("HEAD", split_path(ref)), ref)
            if found is None or found.etag != condition.etag.removeprefix("W/").strip('"'):
                raise _condition_failed(ref)

    def _move(self, temporary: tuple[str, ...], ref: ObjectRef, *, overwrite: bool) -> None:
        """Give the temporary file the object's name.

        The temporary name is this write's own: if it is gone after a failure whose outcome is
        unknown, this process has moved the file, and not another one written its own.
        """
        request = self.api.request("MOVE", temporary)
        destination = self.api.request("PUT", split_path(ref))
        headers = {
            "destination": f"{_url_of(destination)}",
            "overwrite": "T" if overwrite else "F",
        }
        request, outcome_unknown = with_headers(request, headers), False
        for attempt in self.api.client.backoff.iter_attempts():
            try:
                response = self.api.client.send(request, repeat=False)
            except AwsError as error:
                outcome_unknown = outcome_unknown or error.outcome_unknown
                if outcome_unknown and self._is_moved(temporary, ref):
                    return
                if isinstance(error, AwsErrorResponse) and error.status == 412:
                    raise _condition_failed(ref) from error
                if not error.transient or attempt == self.api.client.backoff.max_attempts:
                    raise
                continue
            if response.status == 207:  # it has failed, for the reason in the body
                raise StorageError(
                    f"Cannot write {ref}: the server could not move the file to its name.",
                    remedy="Check the permissions of the folder, and whether the file is locked.",
                )
            return

    def _is_moved(self, temporary: tuple[str, ...], ref: ObjectRef) -> bool:
        is_gone = self.api.head(self.api.request("HEAD", temporary), ref) is None
        return is_gone and self.api.head(self.api.request("HEAD", split_path(ref)), ref) is not None

    def _discard(self, temporary: tuple[str, ...], cause: BaseException) -> None:
        """Delete the temporary file; if that fails too, add a note to the cause."""
        try:
            request = self.api.request("DELETE", temporary)
            self.api.client.send(request, repeat=False, patience=CLEANUP_PATIENCE)
        except AwsError as error:
            if not is_absent(error):
                cause.add_note(f"{'/'.join(temporary)} could not be deleted: {error.problem}")


def _url_of(request: AwsRequest) -> str:
    return f"{request.origin.scheme}://{request.origin.authority}{request.encoded_path}"


def _condition_failed(ref: ObjectRef) -> PreconditionFailed:
    return PreconditionFailed(
        f"{ref} is not in the expected state: another process has written it.",
        remedy="Nothing to do if another run of the same input is in progress.",
    )
