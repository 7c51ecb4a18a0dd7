"""Find images of earlier deployments that nothing uses any more."""

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

# A younger image may belong to another deployment, which has pushed it and will use it soon.
_MIN_AGE = timedelta(days=1)
PARALLEL = 8


@dataclass(frozen=True, slots=True)
class UnusedImageFinder:
    """Finds images that scar composed and nothing uses; raises ScarError.

    Composed images have a tag with their digest (``names.image_tag``). Others are not scar's, and
    are never deleted.
    """

    connection: AwsConnection

    def images_by_repository(self, repositories: Iterable[str]) -> ImagesByRepository:
        """Return by repository the digests of its images, and whether each is older than a day.

        None stands for an image that scar did not compose.
        """
        ordered = sorted(set(repositories))
        with ThreadPoolExecutor(PARALLEL) as pool:
            return dict(zip(ordered, pool.map(self._list_repository_images, ordered), strict=True))

    def find_unused(
        self,
        listed: ImagesByRepository,
        *,
        superseded: Collection[str],
        wanted: Collection[str],
        replaced: Collection[str],
        changing: Collection[str],
    ) -> dict[ResourceKey, Resource]:
        """Return the images to delete: those ``replaced`` now, and unused ones older than a day.

        ``wanted`` and ``replaced`` are image names (``repository@digest``). ``wanted`` images are
        never deleted; ``changing`` functions are about to use these instead of their current ones.
        Images of unfinished jobs stay; a later deployment deletes them. Repositories that are
        ``superseded`` are deleted with the last of their images.
        """
        candidates = [
            UnusedImage(name=f"{repository}@{digest}")
            for repository, images in listed.items()
            for digest, is_old in sorted(images.items())
            if is_old is not None
            if (name := f"{repository}@{digest}") not in wanted
            # A replaced image needs no minimum age: this deployment itself stops using it.
            if is_old or name in replaced
        ]
        used = images_in_use(self.connection, candidates, changing) if candidates else frozenset()
        unused = {image.name: image for image in candidates if image.name not in used}
        emptied_repositories = (
            SupersededRepository(name=name)
            for name in superseded
            if all(f"{name}@{digest}" in unused for digest in listed[name])
        )
        return {resource.key: resource for resource in (*unused.values(), *emptied_repositories)}

    def _list_repository_images(self, repository: str) -> dict[str, bool | None]:
        ecr = self.connection.client("ecr")
        with translate_errors(f"list the images of repository {repository}"):
            try:
                pages = ecr.get_paginator("describe_images").paginate(repositoryName=repository)
                return {
                    digest: is_old for page in pages for digest, is_old in _classify_images(page)
                }
            except ecr.exceptions.RepositoryNotFoundException:
                return {}


def _classify_images(page: DescribeImagesResponseTypeDef) -> Iterator[tuple[str, bool | None]]:
    now = _response_time(page)
    for image in page["imageDetails"]:
        digest, pushed = image.get("imageDigest", ""), image.get("imagePushedAt")
        is_old = bool(now and pushed and now - pushed > _MIN_AGE)
        is_composed = names.image_tag(digest) in image.get("imageTags", [])
        yield digest, is_old if is_composed else None


def _response_time(page: DescribeImagesResponseTypeDef) -> datetime | None:
    """Return the time of the response, so that only AWS's own times are compared."""
    date = page["ResponseMetadata"]["HTTPHeaders"].get("date", "")
    try:
        return parsedate_to_datetime(date)
    except ValueError:
        return None
