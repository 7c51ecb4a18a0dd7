"""Find out which of scar's images functions, job definitions and unfinished jobs use now."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.account import jobs
from scar.aws.client.errors import translate_errors
from scar.aws.model import names
from scar.aws.requests.batch_requests import from_multi_node

if TYPE_CHECKING:
    from collections.abc import Collection

    from mypy_boto3_batch.type_defs import JobDefinitionTypeDef

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.resources import UnusedImage

_MAX_DEFINITIONS = 100  # per DescribeJobDefinitions request


def images_in_use(
    connection: AwsConnection, images: Collection[UnusedImage], changing: Collection[str] = ()
) -> frozenset[str]:
    """Return the names of the images that functions, job definitions or unfinished jobs use.

    Functions and job definitions named in ``changing`` are about to get another image, so what
    they use now does not count; their published versions and their jobs do.
    """
    digests = frozenset(image.digest for image in images)
    with ThreadPoolExecutor(3) as pool:
        pending = (
            pool.submit(_images_of_functions, connection, digests, changing),
            pool.submit(_images_of_definitions, connection, changing),
            pool.submit(_images_of_jobs, connection),
        )
        used = {image for future in pending for image in future.result()}
    return frozenset(i.name for i in images if i.name in used or i.digest in used)


def _images_of_functions(
    connection: AwsConnection, digests: Collection[str], changing: Collection[str]
) -> list[str]:
    """List the images of functions: ``repository@digest``, or the digest for any repository.

    ListFunctions does not return the image, but CodeSha256, which for container images is the
    hexadecimal part of the digest. GetFunction returns the repository too; it is called only for
    functions with one of the digests, and its failure counts as a use in any repository.
    """
    lambda_ = connection.client("lambda")
    pages = lambda_.get_paginator("list_functions")
    with translate_errors("list the functions' versions"):
        functions = [f for page in pages.paginate(FunctionVersion="ALL") for f in page["Functions"]]
    used = []
    for function in functions:
        digest, version = f"sha256:{function.get('CodeSha256', '')}", function.get("Version", "")
        name = function.get("FunctionName", "")
        if digest not in digests or (version == "$LATEST" and name in changing):
            continue
        try:
            response = lambda_.get_function(FunctionName=name, Qualifier=version)
            used.append(names.repository_and_digest(response["Code"].get("ImageUri", "")))
        except ClientError:
            used.append(digest)
    return used


def _images_of_definitions(connection: AwsConnection, changing: Collection[str]) -> list[str]:
    pages = connection.client("batch").get_paginator("describe_job_definitions")
    with translate_errors("list the job definitions"):
        definitions = [
            d for page in pages.paginate(status="ACTIVE") for d in page["jobDefinitions"]
        ]
    return [_image_of_definition(d) for d in definitions if d["jobDefinitionName"] not in changing]


def _images_of_jobs(connection: AwsConnection) -> list[str]:
    """List the images of unfinished jobs, by the revision of the definition, active or not."""
    batch = connection.client("batch")
    with translate_errors("list the job queues"):
        pages = batch.get_paginator("describe_job_queues").paginate()
        queues = [q["jobQueueName"] for page in pages for q in page["jobQueues"]]
    active = jobs.list_active_jobs(batch, [name for name in queues if name.startswith("scar-")])
    revisions = sorted({job.definition for job in active})
    images = []
    with translate_errors("read the job definitions of unfinished jobs"):
        for start in range(0, len(revisions), _MAX_DEFINITIONS):
            chunk = revisions[start : start + _MAX_DEFINITIONS]
            described = batch.describe_job_definitions(jobDefinitions=chunk)["jobDefinitions"]
            images += [_image_of_definition(d) for d in described]
    return images


def _image_of_definition(definition: JobDefinitionTypeDef) -> str:
    single, _, _ = from_multi_node(definition)
    return names.repository_and_digest(single.get("containerProperties", {}).get("image", ""))
