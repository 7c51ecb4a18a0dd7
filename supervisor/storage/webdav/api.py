"""The requests about one file of a WebDAV server that reading and writing share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from supervisor.aws.errors import AwsError, AwsErrorResponse
from supervisor.aws.request import AwsRequest
from supervisor.storage.http_client import FolderFound, with_headers
from supervisor.storage.s3_protocol import parse_object_headers
from supervisor.storage.webdav.protocol import (
    FIND_METADATA,
    FIND_TYPE,
    MAX_METADATA,
    is_folder,
    parse_metadata,
    split_path,
    translate_error,
)

if TYPE_CHECKING:
    from supervisor.model import ObjectRef, StoredObject
    from supervisor.storage.http_client import StoreHttpClient

XML_TYPE = {"content-type": "application/xml; charset=utf-8"}
# Statuses of servers without properties, or without the user's right to change them.
NO_PROPERTIES = frozenset({400, 403, 405, 415, 501})

# Seconds for each request that only explains an error: the run may be at its deadline.
EXPLANATION_PATIENCE = 3.0


@dataclass(frozen=True, slots=True)
class WebDavApi:
    """Requests to one server; ``parts`` are folders and name of a file."""

    client: StoreHttpClient

    def head(self, request: AwsRequest, ref: ObjectRef) -> StoredObject | None:
        try:
            return parse_object_headers(self.client.send(request).headers)
        except AwsError as error:
            if is_absent(error):
                return None
            raise translate_error(error, ref, "read") from error

    def read_metadata(self, ref: ObjectRef) -> dict[str, str]:
        request = replace(
            with_headers(self.request("PROPFIND", split_path(ref)), {**XML_TYPE, "depth": "0"}),
            body=FIND_METADATA,
        )
        try:
            body = self.client.send(request).body
        except AwsErrorResponse as error:
            if is_absent(error) or error.status in NO_PROPERTIES:
                return {}
            raise translate_error(error, ref, "read") from error
        except AwsError as error:
            raise translate_error(error, ref, "read") from error
        return parse_metadata(body) if len(body) <= MAX_METADATA else {}

    def find_name_clash(self, parts: tuple[str, ...]) -> str:
        """Return what is a file in the place of a folder, or a folder in that of the file.

        Empty if nothing is, or if the server does not say so: this explains an earlier error.
        """
        for depth in range(1, len(parts) + 1):
            is_last = depth == len(parts)
            try:
                found = self._is_folder(parts[:depth])
            except AwsErrorResponse as error:
                if error.status == 403:  # the user may use folders below
                    continue
                return ""
            except AwsError:
                return ""
            if found is is_last:
                return f"{'/'.join(parts[:depth])} is a {'folder' if is_last else 'file'}"
        return ""

    def _is_folder(self, parts: tuple[str, ...]) -> bool | None:
        request = replace(
            with_headers(self.request("PROPFIND", parts), {**XML_TYPE, "depth": "0"}),
            body=FIND_TYPE,
        )
        try:
            body = self.client.send(request, repeat=False, patience=EXPLANATION_PATIENCE).body
        except FolderFound:
            return True
        return is_folder(body)

    def request(self, method: str, parts: tuple[str, ...]) -> AwsRequest:
        return AwsRequest(method=method, origin=self.client.origin, path=f"/{'/'.join(parts)}")


def is_absent(error: AwsError) -> bool:
    return isinstance(error, AwsErrorResponse) and error.status in (404, 410)
