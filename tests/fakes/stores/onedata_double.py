"""A double of the part of Oneprovider's REST API that scar uses; no Oneprovider is tested.

It is written after Onedata's API reference (Oneprovider 25.0): files by id, paths below a space,
hard links, extended attributes. Errors of the file system have status 400 and an errno.
"""

from __future__ import annotations

import itertools
import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote

from scar.local.http.messages import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.http.messages import Request

TOKEN, SPACE = "MDAxNWxvY2F-token-of-marie", "My space ü"
_API = "/api/v3/oneprovider/"


@dataclass(slots=True)
class File:
    """What all hard links of a file share."""

    content: bytes = b""
    xattrs: dict[str, object] = field(default_factory=dict)
    mtime: int = 0


class Failed(Exception):
    """The request fails with this status and error."""

    def __init__(self, status: int, identifier: str, errno: str = "") -> None:
        super().__init__(identifier)
        details = {"errno": errno} if errno else {}
        error = {"id": identifier, "description": f"{identifier} {errno}", "details": details}
        self.response = Response(
            status=status,
            headers={"content-type": "application/json"},
            body=json.dumps({"error": error}).encode(),
        )


def _posix(errno: str) -> Failed:
    return Failed(400, "posix", errno)


class OnedataDouble:
    """An HTTP application; ``names`` are files and folders (None) by path, ids by path too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = itertools.count(1)
        self.names: dict[str, File | None] = {SPACE: None}
        self.ids: dict[str, str] = {SPACE: "5370616365"}

    def handle(self, request: Request) -> Response:
        body = b"".join(iter(lambda: request.body.read(1 << 20), b""))
        if request.headers.get("x-auth-token") != TOKEN:
            return Failed(401, "unauthorized").response
        path = [unquote(part) for part in request.path.removeprefix(_API).split("/")]
        try:
            with self._lock:
                return self._route(request, path, body)
        except Failed as failed:
            return failed.response

    def _route(self, request: Request, path: list[str], body: bytes) -> Response:
        query = {name: values[0] for name, values in parse_qs(request.query).items()}
        match request.method, path:
            case "POST", ["lookup-file-id", *parts]:
                return _json({"fileId": self._id_of("/".join(parts))})
            case "PUT", ["data", parent, "path", *parts]:
                name = "/".join((self._name_of(parent), *parts))
                return _json({"fileId": self._create(name, query, body)}, 201)
            case _, ["data", identifier, *rest]:
                return self._on_file(request, self._name_of(identifier), "/".join(rest), body)
            case _:
                raise Failed(404, "notFound")

    def _on_file(self, request: Request, name: str, part: str, body: bytes) -> Response:
        found = self.names[name]
        if found is None:
            raise _posix("eisdir")
        actions: dict[tuple[str, str], Callable[[], Response]] = {
            ("GET", ""): lambda: self._describe(name, found),
            ("DELETE", ""): lambda: self._remove(name),
            ("GET", "content"): lambda: _send_content(found.content, request),
            ("PUT", "content"): lambda: self._write(found, body),
            ("GET", "metadata/xattrs"): lambda: _json(found.xattrs),
            ("PUT", "metadata/xattrs"): lambda: _set_xattrs(found, body),
        }
        action = actions.get((request.method, part))
        if action is None:
            raise Failed(405, "methodNotAllowed")
        return action()

    def _describe(self, name: str, found: File) -> Response:
        return _json(
            {
                "fileId": self.ids[name],
                "name": name.rpartition("/")[2],
                "type": "REG",
                "size": len(found.content),
                "mtime": found.mtime,
            }
        )

    def _create(self, name: str, query: dict[str, str], body: bytes) -> str:
        if name in self.names:
            raise _posix("eexist")
        folder = name.rpartition("/")[0]
        if folder not in self.names:
            if query.get("create_parents") != "true":
                raise _posix("enoent")
            self._make_folders(folder)
        if self.names[folder] is not None:
            raise _posix("enotdir")
        if query.get("type") == "LNK":
            self.names[name] = self.names[self._name_of(query["target_file_id"])]
        else:
            self.names[name] = File(body, mtime=next(self._count))
        self.ids[name] = f"{next(self._count):032X}"
        return self.ids[name]

    def _make_folders(self, folder: str) -> None:
        parts = folder.split("/")
        for depth in range(1, len(parts) + 1):
            name = "/".join(parts[:depth])
            if self.names.setdefault(name, None) is not None:
                raise _posix("enotdir")
            self.ids.setdefault(name, f"{next(self._count):032X}")

    def _write(self, found: File, body: bytes) -> Response:
        found.content, found.mtime = body, next(self._count)
        return Response(status=204)

    def _remove(self, name: str) -> Response:
        del self.names[name], self.ids[name]
        return Response(status=204)

    def _id_of(self, name: str) -> str:
        if name not in self.ids:
            raise _posix("enoent")
        return self.ids[name]

    def _name_of(self, identifier: str) -> str:
        found = next((name for name, known in self.ids.items() if known == identifier), None)
        if found is None:
            raise _posix("enoent")
        return found


def _set_xattrs(found: File, body: bytes) -> Response:
    found.xattrs.update(json.loads(body))
    return Response(status=204)


def _send_content(content: bytes, request: Request) -> Response:
    if not (wanted := request.headers.get("range", "")):
        return Response(status=200, body=content)
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    start, end = int(first), min(int(last or len(content) - 1), len(content) - 1)
    shown = f"bytes {start}-{end}/{len(content)}"
    return Response(status=206, headers={"content-range": shown}, body=content[start : end + 1])


def _json(document: object, status: int = 200) -> Response:
    return Response(
        status=status,
        headers={"content-type": "application/json"},
        body=json.dumps(document).encode(),
    )
