"""Which of scar's images functions, job definitions and unfinished jobs use now."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.account import jobs
from scar.aws.client.errors import translate_errors
from scar.aws.model import names

if TYPE_CHECKING:
    from collections.abc import Collection

    from mypy_boto3_batch.type_defs import JobDefinitionTypeDef

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.resources import UnusedImage

_AT_ONCE = 100  # Batch describes so many definitions in one call


def images_in_use(
    connection: AwsConnection, images: Collection[UnusedImage], changing: Collection[str] = ()
) -> frozenset[str]:
    """Name those of the images that functions, active job definitions or unfinished jobs use.

    What the functions and definitions called as in ``changing`` use now does not count; their
    published versions and their jobs do.
    """
    digests = frozenset(image.digest for image in images)
    with ThreadPoolExecutor(3) as pool:
        asked = (
            pool.submit(_images_of_functions, connection, digests, changing),
            pool.submit(_images_of_definitions, connection, changing),
            pool.submit(_images_of_jobs, connection),
        )
        used = {image for some in asked for image in some.result()}
    return frozenset(i.name for i in images if i.name in used or i.digest in used)


def _images_of_functions(
    connection: AwsConnection, digests: Collection[str], changing: Collection[str]
) -> list[str]:
    """List by CodeSha256: of a container image it is the digest's hexadecimal part.

    Only those that use one of the digests are asked from which repository; if that may not be
    asked, the digest alone is told, which stands for any repository.
    """
    lambda_ = connection.client("lambda")
    pages = lambda_.get_paginator("list_functions")
    with translate_errors("list the functions' versions"):
        found = [f for page in pages.paginate(FunctionVersion="ALL") for f in page["Functions"]]
    used = []
    for function in found:
        digest, version = f"sha256:{function.get('CodeSha256', '')}", function.get("Version", "")
        name = function.get("FunctionName", "")
        if digest not in digests or (version == "$LATEST" and name in changing):
            continue
        try:
            asked = lambda_.get_function(FunctionName=name, Qualifier=version)
            used.append(names.repository_and_digest(asked["Code"].get("ImageUri", "")))
        except ClientError:
            used.append(digest)
    return used


def _images_of_definitions(connection: AwsConnection, changing: Collection[str]) -> list[str]:
    pages = connection.client("batch").get_paginator("describe_job_definitions")
    with translate_errors("list the job definitions"):
        found = [d for page in pages.paginate(status="ACTIVE") for d in page["jobDefinitions"]]
    return [_image_of_definition(d) for d in found if d["jobDefinitionName"] not in changing]


def _images_of_jobs(connection: AwsConnection) -> list[str]:
    """List by the revisions that jobs were submitted with, inactive ones too."""
    batch = connection.client("batch")
    with translate_errors("list the job queues"):
        pages = batch.get_paginator("describe_job_queues").paginate()
        queues = [q["jobQueueName"] for page in pages for q in page["jobQueues"]]
    waiting = jobs.list_active_jobs(batch, [name for name in queues if name.startswith("scar-")])
    revisions = sorted({job.definition for job in waiting})
    images = []
    with translate_errors("read the job definitions of unfinished jobs"):
        for start in range(0, len(revisions), _AT_ONCE):
            some = revisions[start : start + _AT_ONCE]
            found = batch.describe_job_definitions(jobDefinitions=some)["jobDefinitions"]
            images += [_image_of_definition(d) for d in found]
    return images


def _image_of_definition(definition: JobDefinitionTypeDef) -> str:
    return names.repository_and_digest(definition.get("containerProperties", {}).get("image", ""))
