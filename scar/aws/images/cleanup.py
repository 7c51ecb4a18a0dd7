"""Images of former deployments that nobody needs any more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.account import jobs
from scar.aws.client.errors import translated
from scar.aws.model import names
from scar.aws.model.resources import OldImage, OldRepository

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from mypy_boto3_batch.type_defs import JobDefinitionTypeDef
    from mypy_boto3_ecr.type_defs import DescribeImagesResponseTypeDef

    from scar.aws.client.connection import Connection
    from scar.aws.model.resources import Key, Resource

    Listed = Mapping[str, Mapping[str, bool | None]]

# What was pushed lately may be of a deployment that goes on elsewhere and uses it in a moment.
_SETTLED = timedelta(days=1)
PARALLEL = 8
_AT_ONCE = 100  # Batch describes so many definitions in one call


@dataclass(frozen=True, slots=True)
class OldImages:
    """Looks for images that scar composed and nobody uses; raises ScarError if AWS says no.

    Composed images have a tag with their digest (``names.image_tag``); others are not scar's.
    """

    connection: Connection

    def listed(self, repositories: Iterable[str]) -> Listed:
        """Return the images of each repository: digest, and whether it is settled.

        None stands for an image that scar did not compose.
        """
        sought = sorted(set(repositories))
        with ThreadPoolExecutor(PARALLEL) as pool:
            return dict(zip(sought, pool.map(self._images, sought), strict=True))

    def unused(
        self,
        listed: Listed,
        *,
        superseded: Collection[str],
        wanted: Collection[str],
        replaced: Collection[str],
        changing: Collection[str],
    ) -> dict[Key, Resource]:
        """Choose those that go: what is ``replaced`` now, and what was left for long.

        ``wanted`` images stay (``names.image``); ``changing`` functions are about to use these
        instead of what they use. What unfinished jobs wait for stays; a later call finds it again.
        Repositories that are ``superseded`` go with the last of their images.
        """
        old = [
            OldImage(name=f"{repository}@{digest}")
            for repository, images in listed.items()
            for digest, is_settled in sorted(images.items())
            if is_settled is not None
            if (name := f"{repository}@{digest}") not in wanted
            if is_settled or name in replaced
        ]
        used = in_use(self.connection, old, changing) if old else frozenset()
        going = {image.name: image for image in old if image.name not in used}
        emptied = (
            OldRepository(name=name)
            for name in superseded
            if all(f"{name}@{digest}" in going for digest in listed[name])
        )
        return {resource.key: resource for resource in (*going.values(), *emptied)}

    def _images(self, repository: str) -> dict[str, bool | None]:
        ecr = self.connection.client("ecr")
        with translated(f"list the images of repository {repository}"):
            try:
                pages = ecr.get_paginator("describe_images").paginate(repositoryName=repository)
                return {digest: settled for page in pages for digest, settled in _settled(page)}
            except ecr.exceptions.RepositoryNotFoundException:
                return {}


def in_use(
    connection: Connection, images: Collection[OldImage], changing: Collection[str] = ()
) -> frozenset[str]:
    """Name those of the images that functions, active job definitions or unfinished jobs use.

    What the functions and definitions called as in ``changing`` use now does not count; their
    published versions and their jobs do.
    """
    digests = frozenset(image.digest for image in images)
    with ThreadPoolExecutor(3) as pool:
        asked = (
            pool.submit(_of_functions, connection, digests, changing),
            pool.submit(_of_definitions, connection, changing),
            pool.submit(_of_jobs, connection),
        )
        used = {image for some in asked for image in some.result()}
    return frozenset(i.name for i in images if i.name in used or i.digest in used)


def _settled(page: DescribeImagesResponseTypeDef) -> Iterator[tuple[str, bool | None]]:
    now = _date(page)
    for image in page["imageDetails"]:
        digest, pushed = image.get("imageDigest", ""), image.get("imagePushedAt")
        is_settled = bool(now and pushed and now - pushed > _SETTLED)
        is_composed = names.image_tag(digest) in image.get("imageTags", [])
        yield digest, is_settled if is_composed else None


def _date(page: DescribeImagesResponseTypeDef) -> datetime | None:
    """Return AWS's own time: clocks of other machines are not compared with it."""
    told = page["ResponseMetadata"]["HTTPHeaders"].get("date", "")
    try:
        return parsedate_to_datetime(told)
    except ValueError:
        return None


def _of_functions(
    connection: Connection, digests: Collection[str], changing: Collection[str]
) -> list[str]:
    """List by CodeSha256: of a container image it is the digest's hexadecimal part.

    Only those that use one of the digests are asked from which repository; if that may not be
    asked, the digest alone is told, which stands for any repository.
    """
    lambda_ = connection.client("lambda")
    pages = lambda_.get_paginator("list_functions")
    with translated("list the functions' versions"):
        found = [f for page in pages.paginate(FunctionVersion="ALL") for f in page["Functions"]]
    used = []
    for function in found:
        digest, version = f"sha256:{function.get('CodeSha256', '')}", function.get("Version", "")
        name = function.get("FunctionName", "")
        if digest not in digests or (version == "$LATEST" and name in changing):
            continue
        try:
            asked = lambda_.get_function(FunctionName=name, Qualifier=version)
            used.append(names.image(asked["Code"].get("ImageUri", "")))
        except ClientError:
            used.append(digest)
    return used


def _of_definitions(connection: Connection, changing: Collection[str]) -> list[str]:
    pages = connection.client("batch").get_paginator("describe_job_definitions")
    with translated("list the job definitions"):
        found = [d for page in pages.paginate(status="ACTIVE") for d in page["jobDefinitions"]]
    return [_image(d) for d in found if d["jobDefinitionName"] not in changing]


def _of_jobs(connection: Connection) -> list[str]:
    """List by the revisions that jobs were submitted with, inactive ones too."""
    batch = connection.client("batch")
    with translated("list the job queues"):
        pages = batch.get_paginator("describe_job_queues").paginate()
        queues = [q["jobQueueName"] for page in pages for q in page["jobQueues"]]
    waiting = jobs.active(batch, [name for name in queues if name.startswith("scar-")])
    revisions = sorted({job.definition for job in waiting})
    images = []
    with translated("read the job definitions of unfinished jobs"):
        for start in range(0, len(revisions), _AT_ONCE):
            some = revisions[start : start + _AT_ONCE]
            found = batch.describe_job_definitions(jobDefinitions=some)["jobDefinitions"]
            images += [_image(d) for d in found]
    return images


def _image(definition: JobDefinitionTypeDef) -> str:
    return names.image(definition.get("containerProperties", {}).get("image", ""))
