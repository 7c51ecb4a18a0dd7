"""Images of former deployments that nobody needs any more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from scar.aws.account.image_usage import images_in_use
from scar.aws.client.errors import translate_errors
from scar.aws.model import names
from scar.aws.model.resources import SupersededRepository, UnusedImage

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from mypy_boto3_ecr.type_defs import DescribeImagesResponseTypeDef

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.resources import Resource, ResourceKey

    ImagesByRepository = Mapping[str, Mapping[str, bool | None]]

# What was pushed lately may be of a deployment that goes on elsewhere and uses it in a moment.
_SETTLED_AFTER = timedelta(days=1)
PARALLEL = 8


@dataclass(frozen=True, slots=True)
class UnusedImageFinder:
    """Looks for images that scar composed and nobody uses; raises ScarError if AWS says no.

    Composed images have a tag with their digest (``names.image_tag``); others are not scar's.
    """

    connection: AwsConnection

    def images_by_repository(self, repositories: Iterable[str]) -> ImagesByRepository:
        """Return the images of each repository: digest, and whether it is settled.

        None stands for an image that scar did not compose.
        """
        sought = sorted(set(repositories))
        with ThreadPoolExecutor(PARALLEL) as pool:
            return dict(zip(sought, pool.map(self._list_repository_images, sought), strict=True))

    def find_unused(
        self,
        listed: ImagesByRepository,
        *,
        superseded: Collection[str],
        wanted: Collection[str],
        replaced: Collection[str],
        changing: Collection[str],
    ) -> dict[ResourceKey, Resource]:
        """Choose those that go: what is ``replaced`` now, and what was left for long.

        ``wanted`` images stay (``names.image``); ``changing`` functions are about to use these
        instead of what they use. What unfinished jobs wait for stays; a later call finds it again.
        Repositories that are ``superseded`` go with the last of their images.
        """
        old = [
            UnusedImage(name=f"{repository}@{digest}")
            for repository, images in listed.items()
            for digest, is_settled in sorted(images.items())
            if is_settled is not None
            if (name := f"{repository}@{digest}") not in wanted
            if is_settled or name in replaced
        ]
        used = images_in_use(self.connection, old, changing) if old else frozenset()
        going = {image.name: image for image in old if image.name not in used}
        emptied = (
            SupersededRepository(name=name)
            for name in superseded
            if all(f"{name}@{digest}" in going for digest in listed[name])
        )
        return {resource.key: resource for resource in (*going.values(), *emptied)}

    def _list_repository_images(self, repository: str) -> dict[str, bool | None]:
        ecr = self.connection.client("ecr")
        with translate_errors(f"list the images of repository {repository}"):
            try:
                pages = ecr.get_paginator("describe_images").paginate(repositoryName=repository)
                return {
                    digest: settled for page in pages for digest, settled in _classify_images(page)
                }
            except ecr.exceptions.RepositoryNotFoundException:
                return {}


def _classify_images(page: DescribeImagesResponseTypeDef) -> Iterator[tuple[str, bool | None]]:
    now = _response_time(page)
    for image in page["imageDetails"]:
        digest, pushed = image.get("imageDigest", ""), image.get("imagePushedAt")
        is_settled = bool(now and pushed and now - pushed > _SETTLED_AFTER)
        is_composed = names.image_tag(digest) in image.get("imageTags", [])
        yield digest, is_settled if is_composed else None


def _response_time(page: DescribeImagesResponseTypeDef) -> datetime | None:
    """Return AWS's own time: clocks of other machines are not compared with it."""
    told = page["ResponseMetadata"]["HTTPHeaders"].get("date", "")
    try:
        return parsedate_to_datetime(told)
    except ValueError:
        return None
