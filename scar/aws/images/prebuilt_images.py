"""Images that users composed and pushed themselves: checked, then used as they are."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

from scar.aws.client.errors import translated
from scar.aws.model import names
from scar.image.compose.inspection import inspect
from scar.image.errors import ImageError
from scar.image.formats.base_image import ARCHITECTURES
from scar.image.formats.blobs import digest_of
from scar.image.formats.manifest import INDEXES, a_list, a_text, an_object, parse
from scar.image.formats.reference import parse as reference
from scar.image.registry.pull import Pull

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.aws.client.connection import Connection
    from scar.aws.model.function import Function
    from scar.image.formats.blobs import BlobCache
    from scar.image.registry.repository import Repository
    from supervisor.model import FunctionConfig, ImageDefaults

_REMEDY = (
    "Make it with `scar image compose --output`, push it, or leave create_image out: then scar"
    " composes and pushes it."
)


def ready_made(
    function: Function,
    repository: Repository,
    configure: Callable[[ImageDefaults], FunctionConfig],
    cache: BlobCache,
) -> str:
    """Return the digest of ``container.image`` in the account's own registry.

    Raise ImageError unless it is one manifest for the function's architecture with gzipped
    layers, starts the supervisor, and holds what the FDL says of the function. Its script is
    its own.
    """
    named = reference(function.image)
    data, media_type = repository.manifest(named.version)
    _check_form(function.image, data, media_type)
    digest = digest_of(data)
    architecture = ARCHITECTURES[function.architecture]
    found = inspect(Pull(repository, function.image, architecture, cache).image(digest)).function
    if found is None:
        raise ImageError(
            f"The image {function.image} does not start scar's supervisor.", remedy=_REMEDY
        )
    wanted = replace(configure(found.image), script=found.script)
    if different := [f.name for f in fields(found) if _of(found, f.name) != _of(wanted, f.name)]:
        raise ImageError(
            f"The image {function.image} was made for another function or another file: it differs"
            f" in {', '.join(different)}.",
            remedy=_REMEDY,
        )
    return digest


def require_reachable(function: Function, connection: Connection) -> None:
    """Raise ImageError if Lambda, or the instances that run jobs, could not pull the image."""
    account, named = connection.account, reference(function.image)
    if named.registry != account.registry:
        raise ImageError(
            f"The image {function.image} is not in the registry of this account and Region,"
            f" {account.registry}: Lambda takes no other.",
            remedy="Push it there, or leave create_image out.",
        )
    if function.batch is None or function.batch.compute.is_fargate:
        return
    arn = account.arn("ecr", f"repository/{named.repository}")
    with translated(f"read the tags of repository {named.repository}"):
        tags = connection.client("ecr").list_tags_for_resource(resourceArn=arn)["tags"]
    if not any(t["Key"] == names.MANAGED_TAG and t.get("Value") == "true" for t in tags):
        raise ImageError(
            f"Batch's instances could not pull {function.image}: their role reaches repositories"
            f" with the tag {names.MANAGED_TAG} only.",
            remedy=f"Give the repository {named.repository} the tag {names.MANAGED_TAG}=true.",
        )


def _of(config: FunctionConfig, name: str) -> object:
    value: object = getattr(config, name)
    return value


def _check_form(name: str, data: bytes, media_type: str) -> None:
    document = an_object(parse(data, "manifest"), "manifest")
    media_type = a_text(document.get("mediaType"), "manifest") or media_type
    if media_type in INDEXES or "manifests" in document:
        raise ImageError(
            f"The image {name} is an index of several images; Lambda takes one manifest only.",
            remedy="Push the image of one architecture, and name that.",
        )
    for item in a_list(document.get("layers"), "manifest"):
        kind = a_text(an_object(item, "manifest").get("mediaType"), "manifest")
        if not kind.endswith("gzip"):
            raise ImageError(
                f"The image {name} has a layer that is not gzipped ({kind}); Lambda takes no"
                " other.",
                remedy=_REMEDY,
            )
