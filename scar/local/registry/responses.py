"""The registry's responses, as the OCI distribution specification defines them."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from scar.local.http.messages import Response
from scar.local.state.regular_files import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from scar.local.registry.uploads import BlobUpload

VERSION_HEADERS = {"docker-distribution-api-version": "registry/2.0"}


def json_response(
    status: int, document: object, headers: Mapping[str, str] | None = None
) -> Response:
    body = json.dumps(document).encode()
    content = {"content-type": "application/json", "content-length": str(len(body))}
    return Response(
        status=status, headers={**VERSION_HEADERS, **content, **(headers or {})}, body=body
    )


def error_response(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    return json_response(status, {"errors": [{"code": code, "message": message}]}, headers)


def unknown_repository_response(repository: str) -> Response:
    message = f"The repository with name '{repository}' does not exist in the registry"
    return error_response(404, "NAME_UNKNOWN", message)


def created_response(location: str, digest: str) -> Response:
    headers = {"location": location, "docker-content-digest": digest, "content-length": "0"}
    return Response(status=201, headers={**VERSION_HEADERS, **headers})


def upload_progress_response(status: int, upload: BlobUpload) -> Response:
    """Return the location of an upload and the range of bytes received so far."""
    headers = {
        "location": f"/v2/{upload.repository}/blobs/uploads/{upload.identity}",
        "docker-upload-uuid": upload.identity,
        "range": f"0-{max(0, upload.size - 1)}",
    }
    if status != 204:
        headers["content-length"] = "0"
    return Response(status=status, headers={**VERSION_HEADERS, **headers})


def blob_response(path: Path, digest: str, *, head: bool) -> Response:
    """Return a blob, with ``head`` only its headers; 404 if it was deleted concurrently."""
    try:
        stream = FileStream(path)
    except FileNotFoundError:
        return error_response(404, "BLOB_UNKNOWN", f"blob unknown: {digest}")
    headers = {
        "content-type": "application/octet-stream",
        "content-length": str(stream.size),
        "docker-content-digest": digest,
    }
    if head:
        stream.close()
    return Response(
        status=200, headers={**VERSION_HEADERS, **headers}, body=b"" if head else stream
    )


class FileStream:
    """A ResponseStream that reads a file while it is sent; ``size`` in bytes."""

    def __init__(self, path: Path) -> None:
        self._file = os.fdopen(open_regular(path, follow_links=True), "rb")
        self.size = os.fstat(self._file.fileno()).st_size

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self._file.read(1 << 18):
            yield chunk

    def close(self) -> None:
        self._file.close()
