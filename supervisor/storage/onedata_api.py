"""The requests of Oneprovider's REST API that the store needs, by file id and by path.

Source: Onedata's API reference, Oneprovider 25.0 (https://onedata.org/#/home/api); hard links need
21.02 or later. Errors of the file system have status 400, and the errno in the body.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from supervisor.aws.errors import AwsErrorResponse, InvalidResponse
from supervisor.aws.request import AwsRequest
from supervisor.errors import StorageError
from supervisor.model import StoredObject
from supervisor.storage.s3_errors import name_clash_remedy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from supervisor.aws.errors import AwsError
    from supervisor.aws.request import Body
    from supervisor.model import ObjectRef
    from supervisor.storage.http_client import StoreHttpClient

API = "/api/v3/oneprovider"
# The extended attribute that has an object's user metadata, as JSON.
ATTRIBUTE = "scar"
JSON_TYPE = {"content-type": "application/json"}
_DATA_TYPE = {"content-type": "application/octet-stream"}


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file: its id, and what an ObjectStore says about it."""

    id: str
    stored: StoredObject


@dataclass(frozen=True, slots=True)
class OnedataApi:
    """Requests about the files of one space; raises AwsError, returns None for an absent file."""

    client: StoreHttpClient
    space: str
    _ids: dict[str, str] = field(default_factory=dict)

    def find(self, parts: tuple[str, ...]) -> FoundFile | None:
        """Return a file by its path in the space."""
        identifier = self._look_up(parts)
        return None if identifier is None else self.describe(identifier)

    def describe(self, identifier: str) -> FoundFile | None:
        """Return a file by its id."""
        found = self._json("GET", _data(identifier))
        if found is None:
            return None
        # Releases before 21.02.5 have the same names for these.
        size, mtime = _number(found.get("size")), _number(found.get("mtime"))
        digest = hashlib.sha256(identifier.encode()).hexdigest()[:16]
        stored = StoredObject(size=size, etag=f"{digest}-{mtime}-{size}", last_modified=mtime)
        return FoundFile(identifier, stored)

    def create(self, parts: tuple[str, ...]) -> str:
        """Create an empty file, and the folders above it; return its id."""
        return self._create(parts, (("type", "REG"), ("create_parents", "true")))

    def link(self, parts: tuple[str, ...], target: str) -> str:
        """Give a file another name, which must not exist (hard link); return the link's id."""
        return self._create(parts, (("type", "LNK"), ("target_file_id", target)), repeat=False)

    def put_content(self, identifier: str, body: Body) -> None:
        """Replace a file's content."""
        self.client.send(
            replace(
                self.request("PUT", _data(identifier, "content")), body=body, headers=_DATA_TYPE
            )
        )

    def content_request(self, identifier: str) -> AwsRequest:
        return self.request("GET", _data(identifier, "content"))

    def remove(self, identifier: str, *, patience: float | None = None) -> None:
        """Delete a file, or one that does not exist."""
        try:
            self.client.send(
                self.request("DELETE", _data(identifier)),
                repeat=patience is None,
                patience=patience,
            )
        except AwsErrorResponse as error:
            if not is_absent(error):
                raise

    def set_metadata(self, identifier: str, metadata: Mapping[str, str]) -> None:
        text = json.dumps({ATTRIBUTE: json.dumps(dict(metadata), sort_keys=True)})
        request = self.request("PUT", _data(identifier, "metadata/xattrs"))
        self.client.send(replace(request, body=text.encode(), headers=JSON_TYPE))

    def read_metadata(self, identifier: str) -> dict[str, str]:
        """Return the metadata; empty if there is none, or other text."""
        try:
            found = self._json("GET", _data(identifier, "metadata/xattrs")) or {}
        except AwsErrorResponse as error:
            if error.code != "enodata":
                raise
            return {}
        text = found.get(ATTRIBUTE)
        try:
            data = json.loads(text) if isinstance(text, str) else text
        except (RecursionError, ValueError):
            return {}
        if not isinstance(data, dict):
            return {}
        return {k: v for k, v in data.items() if isinstance(v, str)}

    def request(
        self, method: str, path: str, query: tuple[tuple[str, str], ...] = ()
    ) -> AwsRequest:
        return AwsRequest(
            method=method, origin=self.client.origin, path=f"{API}{path}", query=query
        )

    def _create(
        self,
        parts: tuple[str, ...],
        query: tuple[tuple[str, str], ...],
        *,
        repeat: bool = True,
    ) -> str:
        path = f"/data/{self._space_id()}/path/{'/'.join(parts)}"
        response = self.client.send(self.request("PUT", path, query), repeat=repeat)
        return _file_id(_parse(response.body))

    def _space_id(self) -> str:
        if self.space not in self._ids:
            found = self._look_up(())
            if found is None:
                raise AwsErrorResponse(
                    404, "", f"the space {self.space} is not there", server=self.client.server
                )
            self._ids[self.space] = found
        return self._ids[self.space]

    def _look_up(self, parts: tuple[str, ...]) -> str | None:
        found = self._json("POST", f"/lookup-file-id/{'/'.join((self.space, *parts))}")
        return None if found is None else _file_id(found)

    def _json(self, method: str, path: str) -> dict[str, Any] | None:
        try:
            return _parse(self.client.send(self.request(method, path)).body)
        except AwsErrorResponse as error:
            if is_absent(error):
                return None
            raise


def parse_error(
    status: int, _headers: Mapping[str, str], body: bytes, server: str
) -> AwsErrorResponse:
    """Return an error whose code is the errno of the file system, or Onedata's error id."""
    try:
        error = json.loads(body)["error"]
        errno = (error.get("details") or {}).get("errno", "")
        code, message = str(errno or error.get("id") or ""), str(error.get("description") or "")
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        code, message = "", ""
    return AwsErrorResponse(status, code, message[:500], server=server)


def is_absent(error: AwsError) -> bool:
    if not isinstance(error, AwsErrorResponse):
        return False
    return error.status == 404 or error.code == "enoent"


def is_existing(error: AwsError) -> bool:
    """Return whether a name exists already."""
    return isinstance(error, AwsErrorResponse) and (error.code == "eexist" or error.status == 409)


def translate_error(error: AwsError, ref: ObjectRef, verb: str) -> StorageError:
    """Return the StorageError for a failed request; ``verb`` is ``read`` or ``write``."""
    problem, remedy = f"Cannot {verb} {ref}: {error.problem}", error.remedy
    if isinstance(error, AwsErrorResponse) and not remedy:
        provider = error.server
        if error.status == 401 or "token" in error.code.lower():
            remedy = f"Check token of {provider} in storage_providers: it may have expired."
        elif error.status == 403 or error.code in ("eacces", "eperm"):
            remedy = (
                f"The token of {provider} must be an access token for REST with permission to"
                f" {verb} the files of the space."
            )
        elif is_absent(error):
            remedy = f"Check space of {provider}, and that this Oneprovider supports the space."
        elif error.code in ("enotdir", "eisdir"):
            remedy = name_clash_remedy(provider)
        elif error.code in ("enospc", "edquot"):
            remedy = "Free space in the space, or increase its support."
        elif not error.transient:
            remedy = f"The administrator of {provider}'s Oneprovider can find out the reason."
    return StorageError(problem, remedy=remedy or "Run it again; the error may be temporary.")


def _data(identifier: str, part: str = "") -> str:
    return f"/data/{identifier}/{part}" if part else f"/data/{identifier}"


def _parse(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (RecursionError, ValueError):
        document = None
    if not isinstance(document, dict):
        raise InvalidResponse(
            "The response is not a JSON object.",
            remedy="Check oneprovider_host: the response is not one of Oneprovider's REST API.",
        )
    return document


def _file_id(document: dict[str, Any]) -> str:
    found = document.get("fileId")
    if not isinstance(found, str) or not found.isalnum():
        raise InvalidResponse(
            "The response has no file id.",
            remedy="Check oneprovider_host: the response is not one of Oneprovider's REST API.",
        )
    return found


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0
