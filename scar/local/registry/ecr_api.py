"""ECR's API calls about images; moto does not know which images were pushed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scar.image.formats.blobs import is_digest
from scar.local.http.messages import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from scar.image.formats.manifest import Json, JsonObject
    from scar.local.moto.calls import MotoCall
    from scar.local.registry.store import RegistryStore


class EcrImageApi:
    """Handles DescribeImages, BatchDeleteImage and the account setting BLOB_MOUNTING.

    ``repository_exists`` (name, Region) returns whether a repository was created; calls for others
    are left to moto, which rejects them. A repository to which nothing was pushed has no images.
    """

    def __init__(self, store: RegistryStore, repository_exists: Callable[[str, str], bool]) -> None:
        self._store = store
        self._repository_exists = repository_exists

    def handle_call(self, call: MotoCall) -> Response | None:
        """Return the response to a call, or None for calls that moto handles."""
        repository = call.text("repositoryName")
        match call.service, call.operation:
            case (
                "ecr",
                "DescribeImages" | "BatchDeleteImage",
            ) if not self._repository_exists(repository, call.region):
                return None  # RepositoryNotFoundException
            case "ecr", "DescribeImages":
                return _json_response(
                    {"imageDetails": list(self._describe_images(repository, call.parameters))}
                )
            case "ecr", "BatchDeleteImage":
                return _json_response(self._delete_images(repository, call.parameters))
            case "ecr", "GetAccountSetting" if call.text("name") == "BLOB_MOUNTING":
                return _json_response({"name": "BLOB_MOUNTING", "value": "ENABLED"})
        return None

    def drop_deleted_repository(self, call: MotoCall) -> None:
        """Delete the images of a repository that moto has deleted."""
        if (call.service, call.operation) == ("ecr", "DeleteRepository"):
            self._store.delete_repository(call.text("repositoryName"))

    def _describe_images(
        self, repository: str, parameters: Mapping[str, object]
    ) -> Iterator[JsonObject]:
        tags: dict[str, list[Json]] = {d: [] for d in self._store.list_manifests(repository)}
        for tag in self._store.list_tags(repository):
            digest = self._store.find_digest(repository, tag)
            # The manifest may have been deleted, or stored, since the manifests were listed.
            if digest in tags:
                tags[digest].append(tag)
        requested = [self._store.find_digest(repository, r) for r in _image_references(parameters)]
        for digest, image_tags in sorted(tags.items()):
            if not requested or digest in requested:
                yield {
                    "repositoryName": repository,
                    "imageDigest": digest,
                    "imageTags": image_tags,
                    "imagePushedAt": self._store.pushed_at(repository, digest),
                }

    def _delete_images(self, repository: str, parameters: Mapping[str, object]) -> JsonObject:
        """Delete images: by digest with all their tags, by tag only this tag, as ECR does."""
        deleted: list[Json] = []
        failures: list[Json] = []
        for reference in _image_references(parameters):
            digest = self._store.find_digest(repository, reference)
            if digest is None:
                failures.append({"imageId": _image_id(reference), "failureCode": "ImageNotFound"})
                continue
            if is_digest(reference):
                self._store.delete_manifest(repository, digest)
            else:
                self._store.delete_tag(repository, reference)
            deleted.append({"imageDigest": digest, **_image_id(reference)})
        return {"imageIds": deleted, "failures": failures}


def _image_references(parameters: Mapping[str, object]) -> list[str]:
    value = parameters.get("imageIds") or []
    ids = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
    return [str(item.get("imageDigest") or item.get("imageTag") or "latest") for item in ids]


def _image_id(reference: str) -> JsonObject:
    return {"imageDigest" if is_digest(reference) else "imageTag": reference}


def _json_response(content: JsonObject) -> Response:
    headers = {"content-type": "application/x-amz-json-1.1"}
    return Response(status=200, headers=headers, body=json.dumps(content).encode())
