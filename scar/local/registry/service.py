"""The OCI distribution API, as far as docker, skopeo and scar use it, plus its errors."""

from __future__ import annotations

import base64
import hmac
import itertools
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from scar.image.errors import ImageError
from scar.image.formats.blobs import digest_of, is_digest
from scar.image.formats.manifest import INDEXES, MANIFESTS
from scar.local.http.bodies import read_all
from scar.local.http.messages import Response
from scar.local.registry.responses import created, error, file, json_, progress, unknown
from scar.local.registry.store import (
    MANIFEST_LIMIT,
    RegistryStore,
    blobs_of,
    children_of,
    is_repository,
    is_tag,
    media_type,
)
from scar.local.registry.uploads import Upload, Uploads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scar.local.http.messages import Body, Request

USER = "AWS"  # the user name that ECR's authorization tokens have
_ROUTE = re.compile(
    r"/v2/(?P<name>.+)/(?P<kind>blobs/uploads|blobs|manifests|tags)/(?P<rest>[^/]*)\Z"
)


class RegistryPlane:
    """Serves ``/v2/…`` from a folder to callers who know the password.

    ``exists`` tells whether a repository was created (ECR refuses pushes to others); without
    it every name may be pushed to. Blobs that no manifest names are removed at construction.
    """

    def __init__(
        self, folder: Path, password: str, *, exists: Callable[[str], bool] | None = None
    ) -> None:
        self.store = RegistryStore(folder)
        self.store.collect()
        self._uploads = Uploads(self.store)
        self._password = password
        self._exists = exists

    def handle(self, request: Request) -> Response:
        try:
            return self._checked(request)
        except ImageError as fault:
            return error(400, "MANIFEST_INVALID", fault.problem)

    def _checked(self, request: Request) -> Response:
        if not self._knows(request.headers.get("authorization", "")):
            challenge = {"www-authenticate": 'Basic realm="scar local registry"'}
            return error(401, "UNAUTHORIZED", "authentication required", challenge)
        if request.path in {"/v2", "/v2/"}:
            return json_(200, {})
        match = _ROUTE.match(unquote(request.path))
        if match is None:
            return error(404, "UNSUPPORTED", f"no such route: {request.path}")
        name = match["name"]
        if not is_repository(name):
            return error(400, "NAME_INVALID", f"invalid repository name: {name}")
        if self._exists is not None and not self._exists(name):
            return unknown(name)
        return self._answer(request, name, match["kind"], match["rest"])

    def _knows(self, authorization: str) -> bool:
        expected = base64.b64encode(f"{USER}:{self._password}".encode()).decode()
        scheme, _, given = authorization.partition(" ")
        return scheme.lower() == "basic" and hmac.compare_digest(
            given.strip().encode(), expected.encode()
        )

    def _answer(self, request: Request, name: str, kind: str, rest: str) -> Response:
        match request.method, kind:
            case "POST", "blobs/uploads" if not rest:
                answer = self._start(request, name)
            case (("GET" | "PATCH" | "PUT" | "DELETE"), "blobs/uploads"):
                answer = self._upload(request, name, rest)
            case (("GET" | "HEAD" | "DELETE"), "blobs"):
                answer = self._blob(request, name, rest)
            case (("GET" | "HEAD" | "DELETE"), "manifests"):
                answer = self._manifest(request, name, rest)
            case "PUT", "manifests":
                answer = self._put_manifest(request, name, rest)
            case "GET", "tags" if rest == "list" and self.store.knows(name):
                answer = json_(200, {"name": name, "tags": self.store.tags(name)})
            case "GET", "tags" if rest == "list":
                answer = unknown(name)
            case _:
                answer = error(405, "UNSUPPORTED", f"{request.method} is not supported here")
        return answer

    # Blobs

    def _blob(self, request: Request, name: str, digest: str) -> Response:
        if not is_digest(digest):
            return error(400, "DIGEST_INVALID", f"not a SHA-256 digest: {digest}")
        if not self.store.has_blob(name, digest):
            return error(404, "BLOB_UNKNOWN", f"blob unknown to {name}: {digest}")
        if request.method == "DELETE":
            self.store.forget_blob(name, digest)
            return Response(status=202, headers={"content-length": "0"})
        return file(self.store.blob_path(digest), digest, head=request.method == "HEAD")

    def _start(self, request: Request, name: str) -> Response:
        query = _query(request)
        digest, origin = query.get("mount", ""), query.get("from", "")
        if is_digest(digest) and is_repository(origin) and self.store.mount(name, digest, origin):
            return created(f"/v2/{name}/blobs/{digest}", digest)
        upload = self._uploads.start(name)
        if "digest" in query:
            with upload.lock:
                return self._finish(upload, query["digest"], request.body)
        return progress(202, upload)

    def _upload(self, request: Request, name: str, identity: str) -> Response:
        upload = self._uploads.get(name, identity)
        if upload is None:
            return error(404, "BLOB_UPLOAD_UNKNOWN", "upload unknown; start it again")
        with upload.lock:
            match request.method:
                case "GET":
                    return progress(204, upload)
                case "DELETE":
                    self._uploads.cancel(upload)
                    return Response(status=204)
                case "PUT":
                    return self._finish(upload, _query(request).get("digest", ""), request.body)
                case _:
                    start = request.headers.get("content-range", f"{upload.size}-")
                    if start.removeprefix("bytes ").partition("-")[0] != str(upload.size):
                        return progress(416, upload)
                    upload.receive(request.body)
                    return progress(202, upload)

    def _finish(self, upload: Upload, digest: str, body: Body) -> Response:
        upload.receive(body)
        if not self._uploads.finish(upload, digest):
            return error(400, "DIGEST_INVALID", f"the content does not have digest {digest!r}")
        return created(f"/v2/{upload.repository}/blobs/{digest}", digest)

    # Manifests

    def _manifest(self, request: Request, name: str, reference: str) -> Response:
        if not is_digest(reference) and not is_tag(reference):
            return error(400, "TAG_INVALID", f"neither a tag nor a digest: {reference}")
        digest = self.store.digest(name, reference)
        if digest is None:
            return error(404, "MANIFEST_UNKNOWN", f"manifest unknown to {name}: {reference}")
        if request.method == "DELETE":
            if is_digest(reference):
                self.store.forget_manifest(name, digest)
            else:
                self.store.forget_tag(name, reference)
            return Response(status=202, headers={"content-length": "0"})
        data = self.store.manifest(name, digest)
        headers = {
            "content-type": media_type(data),
            "content-length": str(len(data)),
            "docker-content-digest": digest,
        }
        body = b"" if request.method == "HEAD" else data
        return Response(status=200, headers=headers, body=body)

    def _put_manifest(self, request: Request, name: str, reference: str) -> Response:
        if not is_digest(reference) and not is_tag(reference):
            return error(400, "TAG_INVALID", f"neither a tag nor a digest: {reference}")
        data = read_all(request.body, MANIFEST_LIMIT)
        if data is None:
            return error(413, "MANIFEST_INVALID", "the manifest is larger than 4 MiB")
        if missing := self._missing(name, data):
            return error(400, "MANIFEST_BLOB_UNKNOWN", f"unknown to {name}: {missing}")
        if is_digest(reference) and reference != digest_of(data):
            return error(400, "DIGEST_INVALID", f"the manifest does not have digest {reference}")
        tag = "" if is_digest(reference) else reference
        digest = self.store.put_manifest(name, data, tag)
        return created(f"/v2/{name}/manifests/{digest}", digest)

    def _missing(self, name: str, manifest: bytes) -> str:
        """Return the first part that the repository does not have, or nothing."""
        if media_type(manifest) not in (*MANIFESTS, *INDEXES):
            raise ImageError(f"unknown media type: {media_type(manifest)}", remedy="Push an image.")
        blobs = (d for d in blobs_of(manifest) if not self.store.has_blob(name, d))
        manifests = (d for d in children_of(manifest) if self.store.digest(name, d) is None)
        return next(itertools.chain(blobs, manifests), "")


def _query(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.query))
