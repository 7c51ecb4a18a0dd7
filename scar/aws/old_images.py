"""Images of former deployments that nobody needs any more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from scar.aws import jobs, names
from scar.aws.faults import translated
from scar.aws.resources import OldImage

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from mypy_boto3_batch.type_defs import JobDefinitionTypeDef
    from mypy_boto3_ecr.type_defs import DescribeImagesResponseTypeDef

    from scar.aws.connection import Connection
    from scar.aws.resources import Key, Resource

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

    def listed(self, repositories: Iterable[str]) -> dict[str, dict[str, bool]]:
        """Return the composed images of each repository: digest, and whether it is settled."""
        sought = sorted(set(repositories))
        with ThreadPoolExecutor(PARALLEL) as pool:
            return dict(zip(sought, pool.map(self._images, sought), strict=True))

    def unused(
        self,
        listed: Mapping[str, Mapping[str, bool]],
        *,
        wanted: Collection[str],
        replaced: Collection[str],
        changing: Collection[str],
    ) -> dict[Key, Resource]:
        """Choose those that go: what is ``replaced`` now, and what was left for long.

        ``wanted`` digests stay; ``changing`` functions are about to use these instead of what
        they use. What unfinished jobs wait for stays; a later call finds it again.
        """
        old = [
            OldImage(name=f"{repository}@{digest}")
            for repository, images in listed.items()
            for digest, is_settled in sorted(images.items())
            if digest not in wanted and (is_settled or digest in replaced)
        ]
        used = in_use(self.connection, changing) if old else frozenset()
        return {image.key: image for image in old if image.digest not in used}

    def _images(self, repository: str) -> dict[str, bool]:
        ecr = self.connection.client("ecr")
        with translated(f"list the images of repository {repository}"):
            try:
                pages = ecr.get_paginator("describe_images").paginate(repositoryName=repository)
                return {digest: settled for page in pages for digest, settled in _composed(page)}
            except ecr.exceptions.RepositoryNotFoundException:
                return {}


def in_use(connection: Connection, changing: Collection[str] = ()) -> frozenset[str]:
    """Return the digests that functions, active job definitions and unfinished jobs use.

    What the functions and definitions called as in ``changing`` use now does not count; their
    published versions and their jobs do.
    """
    with ThreadPoolExecutor(3) as pool:
        asked = (
            pool.submit(_of_functions, connection, changing),
            pool.submit(_of_definitions, connection, changing),
            pool.submit(_of_jobs, connection),
        )
        return frozenset(digest for some in asked for digest in some.result())


def _composed(page: DescribeImagesResponseTypeDef) -> Iterator[tuple[str, bool]]:
    now = _date(page)
    for image in page["imageDetails"]:
        digest = image.get("imageDigest", "")
        if names.image_tag(digest) in image.get("imageTags", []):
            pushed = image.get("imagePushedAt")
            yield digest, bool(now and pushed and now - pushed > _SETTLED)


def _date(page: DescribeImagesResponseTypeDef) -> datetime | None:
    """Return AWS's own time: clocks of other machines are not compared with it."""
    told = page["ResponseMetadata"]["HTTPHeaders"].get("date", "")
    try:
        return parsedate_to_datetime(told)
    except ValueError:
        return None


def _of_functions(connection: Connection, changing: Collection[str]) -> list[str]:
    """List by CodeSha256: of a container image it is the digest's hexadecimal part."""
    pages = connection.client("lambda").get_paginator("list_functions")
    with translated("list the functions' versions"):
        found = [f for page in pages.paginate(FunctionVersion="ALL") for f in page["Functions"]]
    return [
        f"sha256:{f.get('CodeSha256', '')}"
        for f in found
        if f.get("Version") != "$LATEST" or f.get("FunctionName") not in changing
    ]


def _of_definitions(connection: Connection, changing: Collection[str]) -> list[str]:
    pages = connection.client("batch").get_paginator("describe_job_definitions")
    with translated("list the job definitions"):
        found = [d for page in pages.paginate(status="ACTIVE") for d in page["jobDefinitions"]]
    return [_digest(d) for d in found if d["jobDefinitionName"] not in changing]


def _of_jobs(connection: Connection) -> list[str]:
    """List by the revisions that jobs were submitted with, inactive ones too."""
    batch = connection.client("batch")
    with translated("list the job queues"):
        pages = batch.get_paginator("describe_job_queues").paginate()
        queues = [q["jobQueueName"] for page in pages for q in page["jobQueues"]]
    waiting = jobs.active(batch, [name for name in queues if name.startswith("scar-")])
    revisions = sorted({job.definition for job in waiting})
    digests = []
    with translated("read the job definitions of unfinished jobs"):
        for start in range(0, len(revisions), _AT_ONCE):
            some = revisions[start : start + _AT_ONCE]
            found = batch.describe_job_definitions(jobDefinitions=some)["jobDefinitions"]
            digests += [_digest(d) for d in found]
    return digests


def _digest(definition: JobDefinitionTypeDef) -> str:
    container = definition.get("containerProperties", {})
    return container.get("image", "").partition("@")[2]
