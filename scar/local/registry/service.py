"""The registry's HTTP API: the part of the OCI distribution API that docker, skopeo, scar use."""

from __future__ import annotations

import base64
import hmac
import itertools
import logging
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from scar.image.errors import ImageError
from scar.image.formats.blobs import digest_of, is_digest
from scar.image.formats.manifest import INDEX_MEDIA_TYPES, MANIFEST_MEDIA_TYPES
from scar.local.http.bodies import read_all
from scar.local.http.failures import describe_full_disk
from scar.local.http.messages import Response
from scar.local.registry.responses import (
    blob_response,
    created_response,
    error_response,
    json_response,
    unknown_repository_response,
    upload_progress_response,
)
from scar.local.registry.store import (
    MANIFEST_LIMIT,
    RegistryStore,
    is_repository_name,
    is_tag,
    list_index_manifests,
    list_manifest_blobs,
    manifest_media_type,
)
from scar.local.registry.uploads import BlobUpload, BlobUploads
from scar.local.state.disk_space import is_disk_full

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scar.local.http.messages import Request, RequestBody

LOG = logging.getLogger(__name__)
USER_NAME = "AWS"  # the user name that ECR's authorization tokens have
_ROUTE = re.compile(
    r"/v2/(?P<name>.+)/(?P<kind>blobs/uploads|blobs|manifests|tags)/(?P<rest>[^/]*)\Z"
)


class RegistryService:
    """Serves ``/v2/…`` from a folder to callers with the password (HTTP basic authentication).

    ``repository_exists`` returns whether a repository was created, since ECR rejects pushes to
    others; without it, every repository name is accepted. Blobs that no manifest references are
    removed at construction, when no push is in progress.
    """

    def __init__(
        self, folder: Path, password: str, *, repository_exists: Callable[[str], bool] | None = None
    ) -> None:
        self._folder = folder
        self.store = RegistryStore(folder)
        self.store.collect_garbage()
        self._uploads = BlobUploads(self.store)
        self._password = password
        self._exists = repository_exists

    def handle(self, request: Request) -> Response:
        try:
            return self._authorize_and_dispatch(request)
        except ImageError as error:
            return error_response(400, "MANIFEST_INVALID", error.problem)
        except OSError as error:
            if not is_disk_full(error):
                raise
            LOG.exception("%s %s failed", request.method, request.path)
            return error_response(507, "INSUFFICIENT_STORAGE", describe_full_disk(self._folder))

    def _authorize_and_dispatch(self, request: Request) -> Response:
        if not self._is_authorized(request.headers.get("authorization", "")):
            challenge = {"www-authenticate": 'Basic realm="scar local registry"'}
            return error_response(401, "UNAUTHORIZED", "authentication required", challenge)
        request.on_authenticated()
        if request.path in {"/v2", "/v2/"}:
            return json_response(200, {})
        # Names are checked after decoding, so that "%2e%2e" is rejected like "..".
        match = _ROUTE.match(unquote(request.path))
        if match is None:
            return error_response(404, "UNSUPPORTED", f"no such route: {request.path}")
        name = match["name"]
        if not is_repository_name(name):
            return error_response(400, "NAME_INVALID", f"invalid repository name: {name}")
        if self._exists is not None and not self._exists(name):
            return unknown_repository_response(name)
        return self._dispatch(request, name, match["kind"], match["rest"])

    def _is_authorized(self, authorization: str) -> bool:
        expected = base64.b64encode(f"{USER_NAME}:{self._password}".encode()).decode()
        scheme, _, credentials = authorization.partition(" ")
        return scheme.lower() == "basic" and hmac.compare_digest(
            credentials.strip().encode(), expected.encode()
        )

    def _dispatch(self, request: Request, name: str, kind: str, rest: str) -> Response:
        match request.method, kind:
            case "POST", "blobs/uploads" if not rest:
                response = self._start_upload(request, name)
            case (("GET" | "PATCH" | "PUT" | "DELETE"), "blobs/uploads"):
                response = self._handle_upload(request, name, rest)
            case (("GET" | "HEAD" | "DELETE"), "blobs"):
                response = self._handle_blob(request, name, rest)
            case (("GET" | "HEAD" | "DELETE"), "manifests"):
                response = self._handle_manifest(request, name, rest)
            case "PUT", "manifests":
                response = self._put_manifest(request, name, rest)
            case "GET", "tags" if rest == "list" and self.store.has_repository(name):
                response = json_response(200, {"name": name, "tags": self.store.list_tags(name)})
            case "GET", "tags" if rest == "list":
                response = unknown_repository_response(name)
            case _:
                response = error_response(
                    405, "UNSUPPORTED", f"{request.method} is not supported here"
                )
        return response

    # Blobs

    def _handle_blob(self, request: Request, name: str, digest: str) -> Response:
        if not is_digest(digest):
            return error_response(400, "DIGEST_INVALID", f"not a SHA-256 digest: {digest}")
        if not self.store.has_blob(name, digest):
            return error_response(404, "BLOB_UNKNOWN", f"blob unknown to {name}: {digest}")
        if request.method == "DELETE":
            self.store.delete_blob(name, digest)
            return Response(status=202, headers={"content-length": "0"})
        return blob_response(self.store.blob_path(digest), digest, head=request.method == "HEAD")

    def _start_upload(self, request: Request, name: str) -> Response:
        query = _query_parameters(request)
        digest, origin = query.get("mount", ""), query.get("from", "")
        # If the blob cannot be mounted, the client uploads it: not an error by the specification.
        if (
            is_digest(digest)
            and is_repository_name(origin)
            and self.store.mount(name, digest, origin)
        ):
            return created_response(f"/v2/{name}/blobs/{digest}", digest)
        upload = self._uploads.start(name)
        if "digest" in query:
            with upload.lock:
                return self._finish_upload(upload, query["digest"], request.body)
        return upload_progress_response(202, upload)

    def _handle_upload(self, request: Request, name: str, identity: str) -> Response:
        upload = self._uploads.get(name, identity)
        if upload is None:
            return error_response(404, "BLOB_UPLOAD_UNKNOWN", "upload unknown; start it again")
        with upload.lock:
            match request.method:
                case "GET":
                    return upload_progress_response(204, upload)
                case "DELETE":
                    self._uploads.cancel(upload)
                    return Response(status=204)
                case "PUT":
                    return self._finish_upload(
                        upload, _query_parameters(request).get("digest", ""), request.body
                    )
                case _:  # PATCH: the next chunk, which must begin where the last one ended
                    start = request.headers.get("content-range", f"{upload.size}-")
                    if start.removeprefix("bytes ").partition("-")[0] != str(upload.size):
                        return upload_progress_response(416, upload)
                    self._append(upload, request.body)
                    return upload_progress_response(202, upload)

    def _append(self, upload: BlobUpload, body: RequestBody) -> None:
        try:
            upload.append(body)
        except OSError as error:
            if is_disk_full(error):  # the client starts the upload again, once there is space
                self._uploads.cancel(upload)
            raise

    def _finish_upload(self, upload: BlobUpload, digest: str, body: RequestBody) -> Response:
        self._append(upload, body)
        if not self._uploads.finish(upload, digest):
            return error_response(
                400, "DIGEST_INVALID", f"the content does not have digest {digest!r}"
            )
        return created_response(f"/v2/{upload.repository}/blobs/{digest}", digest)

    # Manifests

    def _handle_manifest(self, request: Request, name: str, reference: str) -> Response:
        if not is_digest(reference) and not is_tag(reference):
            return error_response(400, "TAG_INVALID", f"neither a tag nor a digest: {reference}")
        digest = self.store.find_digest(name, reference)
        if digest is None:
            return error_response(
                404, "MANIFEST_UNKNOWN", f"manifest unknown to {name}: {reference}"
            )
        if request.method == "DELETE":
            if is_digest(reference):
                self.store.delete_manifest(name, digest)
            else:
                self.store.delete_tag(name, reference)
            return Response(status=202, headers={"content-length": "0"})
        data = self.store.read_manifest(name, digest)
        headers = {
            "content-type": manifest_media_type(data),
            "content-length": str(len(data)),
            "docker-content-digest": digest,
        }
        body = b"" if request.method == "HEAD" else data
        return Response(status=200, headers=headers, body=body)

    def _put_manifest(self, request: Request, name: str, reference: str) -> Response:
        if not is_digest(reference) and not is_tag(reference):
            return error_response(400, "TAG_INVALID", f"neither a tag nor a digest: {reference}")
        data = read_all(request.body, MANIFEST_LIMIT)
        if data is None:
            return error_response(413, "MANIFEST_INVALID", "the manifest is larger than 4 MiB")
        # A manifest is accepted only if it can be pulled completely.
        if missing := self._find_missing_reference(name, data):
            return error_response(400, "MANIFEST_BLOB_UNKNOWN", f"unknown to {name}: {missing}")
        if is_digest(reference) and reference != digest_of(data):
            return error_response(
                400, "DIGEST_INVALID", f"the manifest does not have digest {reference}"
            )
        tag = "" if is_digest(reference) else reference
        digest = self.store.put_manifest(name, data, tag)
        return created_response(f"/v2/{name}/manifests/{digest}", digest)

    def _find_missing_reference(self, name: str, manifest: bytes) -> str:
        """Return the first blob or manifest missing in the repository; empty if none is."""
        if manifest_media_type(manifest) not in (*MANIFEST_MEDIA_TYPES, *INDEX_MEDIA_TYPES):
            raise ImageError(
                f"unknown media type: {manifest_media_type(manifest)}", remedy="Push an image."
            )
        blobs = (d for d in list_manifest_blobs(manifest) if not self.store.has_blob(name, d))
        manifests = (
            d for d in list_index_manifests(manifest) if self.store.find_digest(name, d) is None
        )
        return next(itertools.chain(blobs, manifests), "")


def _query_parameters(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.query))
