"""Verify images that users composed and pushed themselves; they are used unchanged."""

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
from scar.image.formats.reference import parse_reference
from scar.image.registry.pull import ImagePull

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function
    from scar.image.formats.blobs import BlobCache
    from scar.image.registry.repository import RepositoryClient
    from supervisor.model import FunctionConfig, ImageDefaults

_REMEDY = (
    "Create the image with `scar image compose -o` and push it, or remove create_image from"
    " the FDL: then scar composes and pushes it."
)


def verify_prebuilt_image(
    function: Function,
    repository: RepositoryClient,
    configure: Callable[[ImageDefaults], FunctionConfig],
    cache: BlobCache,
) -> str:
    """Return the digest of ``container.image`` in the account's own registry.

    Raise ImageError unless it is a single manifest for the function's architecture with gzipped
    layers, starts the supervisor, and contains the function's configuration as the FDL describes
    it. The script and the extra payload in it are not compared.
    """
    image = function.lambda_.container.image
    reference = parse_reference(image)
    data, media_type = repository.get_manifest(reference.version)
    _check_manifest(image, data, media_type)
    digest = digest_of(data)
    architecture = ARCHITECTURES[function.lambda_.architecture]
    actual = inspect_image(
        ImagePull(repository, image, architecture, cache).read_image(digest)
    ).function
    if actual is None:
        raise ImageError(f"The image {image} does not start scar's supervisor.", remedy=_REMEDY)
    # The FDL of a prebuilt image names no script: the image's own is taken for the expected one.
    expected = replace(
        configure(actual.image), script=actual.script, extra_payload=actual.extra_payload
    )
    if different := [
        f.name
        for f in fields(actual)
        if _field_value(actual, f.name) != _field_value(expected, f.name)
    ]:
        raise ImageError(
            f"The image {image} was composed for another function or another FDL file: it"
            f" differs in {', '.join(different)}.",
            remedy=_REMEDY,
        )
    return digest


def require_reachable(function: Function, connection: AwsConnection) -> None:
    """Raise ImageError if Lambda, or the instances that run jobs, cannot pull the image."""
    image = function.lambda_.container.image
    account, reference = connection.account, parse_reference(image)
    if reference.registry != account.registry:
        raise ImageError(
            f"The image {image} is not in the registry of this account and Region,"
            f" {account.registry}: Lambda cannot use any other.",
            remedy="Push it there, or remove create_image from the FDL.",
        )
    if function.batch is None or function.batch.compute_resources.is_fargate:
        return
    arn = account.arn("ecr", f"repository/{reference.repository}")
    with translate_errors(f"read the tags of repository {reference.repository}"):
        tags = connection.client("ecr").list_tags_for_resource(resourceArn=arn)["tags"]
    if not any(t["Key"] == names.MANAGED_TAG and t.get("Value") == "true" for t in tags):
        raise ImageError(
            f"Batch's instances could not pull {image}: their role allows repositories"
            f" with the tag {names.MANAGED_TAG}=true only.",
            remedy=f"Tag the repository {reference.repository} with {names.MANAGED_TAG}=true.",
        )


def _field_value(config: FunctionConfig, name: str) -> object:
    value: object = getattr(config, name)
    return value


def _check_manifest(name: str, data: bytes, media_type: str) -> None:
    document = expect_object(parse_json(data, "manifest"), "manifest")
    media_type = expect_text(document.get("mediaType"), "manifest") or media_type
    if media_type in INDEX_MEDIA_TYPES or "manifests" in document:
        raise ImageError(
            f"The image {name} is an index of several images (multi-platform); Lambda supports a"
            " single manifest only.",
            remedy="Push the image of one architecture, and name that in the FDL.",
        )
    for item in expect_list(document.get("layers"), "manifest"):
        kind = expect_text(expect_object(item, "manifest").get("mediaType"), "manifest")
        if not kind.endswith("gzip"):
            raise ImageError(
                f"The image {name} has a layer that is not gzipped ({kind}); Lambda"
                " supports no other compression.",
                remedy=_REMEDY,
            )
