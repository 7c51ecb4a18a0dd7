"""Images that users composed and pushed themselves: checked, then used as they are."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

from scar.aws.client.errors import translate_errors
from scar.aws.model import names
from scar.image.compose.inspection import inspect_image
from scar.image.errors import ImageError
from scar.image.formats.base_image import ARCHITECTURES
from scar.image.formats.blobs import digest_of
from scar.image.formats.manifest import (
    INDEX_MEDIA_TYPES,
    expect_list,
    expect_object,
    expect_text,
    parse_json,
)
from scar.image.formats.reference import parse_reference as reference
from scar.image.registry.pull import ImagePull

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function
    from scar.image.formats.blobs import BlobCache
    from scar.image.registry.repository import RepositoryClient
    from supervisor.model import FunctionConfig, ImageDefaults

_REMEDY = (
    "Make it with `scar image compose --output`, push it, or leave create_image out: then scar"
    " composes and pushes it."
)


def verify_prebuilt_image(
    function: Function,
    repository: RepositoryClient,
    configure: Callable[[ImageDefaults], FunctionConfig],
    cache: BlobCache,
) -> str:
    """Return the digest of ``container.image`` in the account's own registry.

    Raise ImageError unless it is one manifest for the function's architecture with gzipped
    layers, starts the supervisor, and holds what the FDL says of the function. Its script is
    its own.
    """
    image = function.lambda_.container.image
    named = reference(image)
    data, media_type = repository.get_manifest(named.version)
    _check_manifest(image, data, media_type)
    digest = digest_of(data)
    architecture = ARCHITECTURES[function.lambda_.architecture]
    found = inspect_image(
        ImagePull(repository, image, architecture, cache).read_image(digest)
    ).function
    if found is None:
        raise ImageError(f"The image {image} does not start scar's supervisor.", remedy=_REMEDY)
    wanted = replace(configure(found.image), script=found.script)
    if different := [
        f.name for f in fields(found) if _field_value(found, f.name) != _field_value(wanted, f.name)
    ]:
        raise ImageError(
            f"The image {image} was made for another function or another file: it differs"
            f" in {', '.join(different)}.",
            remedy=_REMEDY,
        )
    return digest


def require_reachable(function: Function, connection: AwsConnection) -> None:
    """Raise ImageError if Lambda, or the instances that run jobs, could not pull the image."""
    image = function.lambda_.container.image
    account, named = connection.account, reference(image)
    if named.registry != account.registry:
        raise ImageError(
            f"The image {image} is not in the registry of this account and Region,"
            f" {account.registry}: Lambda takes no other.",
            remedy="Push it there, or leave create_image out.",
        )
    if function.batch is None or function.batch.compute_resources.is_fargate:
        return
    arn = account.arn("ecr", f"repository/{named.repository}")
    with translate_errors(f"read the tags of repository {named.repository}"):
        tags = connection.client("ecr").list_tags_for_resource(resourceArn=arn)["tags"]
    if not any(t["Key"] == names.MANAGED_TAG and t.get("Value") == "true" for t in tags):
        raise ImageError(
            f"Batch's instances could not pull {image}: their role reaches repositories"
            f" with the tag {names.MANAGED_TAG} only.",
            remedy=f"Give the repository {named.repository} the tag {names.MANAGED_TAG}=true.",
        )


def _field_value(config: FunctionConfig, name: str) -> object:
    value: object = getattr(config, name)
    return value


def _check_manifest(name: str, data: bytes, media_type: str) -> None:
    document = expect_object(parse_json(data, "manifest"), "manifest")
    media_type = expect_text(document.get("mediaType"), "manifest") or media_type
    if media_type in INDEX_MEDIA_TYPES or "manifests" in document:
        raise ImageError(
            f"The image {name} is an index of several images; Lambda takes one manifest only.",
            remedy="Push the image of one architecture, and name that.",
        )
    for item in expect_list(document.get("layers"), "manifest"):
        kind = expect_text(expect_object(item, "manifest").get("mediaType"), "manifest")
        if not kind.endswith("gzip"):
            raise ImageError(
                f"The image {name} has a layer that is not gzipped ({kind}); Lambda takes no"
                " other.",
                remedy=_REMEDY,
            )
