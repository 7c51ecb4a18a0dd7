"""Names of the resources that scar creates, derived from function, account and Region.

Names are never stored: a later command derives them again to find the resources. A changed
derivation orphans what is deployed.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

from scar.fdl.defaults import REPOSITORY_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.aws.model.account import Account

ROLE_PATH = "/scar/"
FUNCTION_TAG = "scar:function"
# The tag that SCAR 4 gives to its functions, and its value.
_SCAR4_TAG, _SCAR4_VALUE = "createdby", "scar"
MODE_TAG = "scar:mode"
IMAGE_TAG = "scar:image"
QUEUE_TAG = "scar:queue"
# Names with spaces between them: the job queues of a preset that are not the function's own.
OTHER_QUEUES_TAG = "scar:other-queues"
# Of a job definition: its jobs may form clusters. Of a job: the name of its cluster.
CLUSTER_TAG = "scar:cluster"
BUCKETS_TAG = "scar:buckets"
# Of a function: its inputs on stores other than the account's S3, one each (``other_inputs``).
OTHER_INPUTS_TAG = "scar:other-inputs"
MANAGED_TAG = "scar:managed"
KEEP_TAG = "scar:keep"
EVENT_QUEUE_TAG = "scar:event-queue"
# The path of the parameters with the secrets of a function's stores.
SECRETS_TAG = "scar:secrets"
# Of a function: kind and authentication of its HTTP endpoint, such as `http:IAM`.
ENDPOINT_TAG = "scar:endpoint"

SHARED_PREFIX = "scar-"
# SQS allows 80 characters, and Lambda 64 of the same kinds for the function.
EVENT_QUEUE_PREFIX = "scar-events-"
# The function that handles failed invocations of others; reserved in every account. The name is
# older than the term: another one would leave the deployed function behind.
FAILURE_HANDLER = "scar-failure-handler"

# Of the statements in a function's policy that its HTTP endpoint needs.
API_STATEMENT_ID = "scar-api"
URL_STATEMENT_IDS = ("scar-url", "scar-url-invoke")

_REPLACEMENT_SUFFIX = "-2"
_SHARED_NAME = re.compile(rf"{SHARED_PREFIX}[0-9a-f]{{12}}({_REPLACEMENT_SUFFIX})?")
_ROLE_NAME_MAX = 64
_WORDS = re.compile("[a-z0-9]+(?:[_-][a-z0-9]+)*")


def is_made_by_scar4(tags: Mapping[str, str]) -> bool:
    """Return whether a function's tags are those of SCAR 4, and not scar's."""
    return tags.get(_SCAR4_TAG) == _SCAR4_VALUE and FUNCTION_TAG not in tags


def state_bucket_name(account: Account) -> str:
    """Return the bucket of run records and locks: one per account and Region."""
    return f"scar-{account.id}-{account.region}"


def lambda_log_group(function: str) -> str:
    """Return the log group of a function, with the name that Lambda itself would use."""
    return f"/aws/lambda/{function}"


def batch_log_group(function: str) -> str:
    """Return the log group of a function's jobs."""
    return f"/aws/batch/{function}"


def secret_path(function: str) -> str:
    """Return the path in Parameter Store of the secrets that scar stores for a function."""
    return f"/scar/{function}"


def secret_parameter(function: str, provider: str, key: str) -> str:
    """Return the parameter with a secret of a storage provider: ``/scar/crop/minio.lab/token``."""
    return f"{secret_path(function)}/{provider}/{key}"


def repository_name(function: str, prefix: str = REPOSITORY_PREFIX) -> str:
    """Return the ECR repository of a function's images.

    Repository names are lower-case words with single separators; function names need not be. Such
    a name is converted, with a digest of the original so that no two functions share a repository.
    """
    if _WORDS.fullmatch(function):
        return f"{prefix}/{function}"
    words = re.findall("[a-z0-9]+", function.lower())
    return f"{prefix}/{'-'.join([*words, _sha256_hex(function)[:8]])}"


def image_uri(account: Account, repository: str, digest: str) -> str:
    """Return the URI of an image in the account's registry, by digest."""
    return f"{account.registry}/{repository}@{digest}"


def parse_repository(image_uri: str) -> str:
    """Return the repository in an image's URI, the empty string if it has none."""
    return image_uri.partition("/")[2].partition("@")[0].partition(":")[0]


def repository_and_digest(image_uri: str) -> str:
    """Return ``repository@digest`` of an image's URI."""
    return f"{parse_repository(image_uri)}@{image_uri.partition('@')[2]}"


def image_tag(digest: str) -> str:
    """Return the tag of a built image, derived from its digest."""
    # The lifecycle policy of repositories expires images without a tag.
    return f"scar-{digest.partition(':')[2]}"


def role_name(function: str, region: str, purpose: str) -> str:
    """Return the role of a function for ``lambda``, ``job`` or ``exec``, in at most 64 characters.

    Roles are global and functions are not, so the Region is part of the name.
    """
    name = f"{function}-{region}-{purpose}"
    if len(name) <= _ROLE_NAME_MAX:
        return name
    # A digest of the whole name keeps the shortened names of different functions apart.
    tail = f"-{_sha256_hex(name)[:8]}-{purpose}"
    return name[: _ROLE_NAME_MAX - len(tail)] + tail


def instance_role_name(region: str) -> str:
    """Return the role and instance profile of all EC2 instances for jobs in the Region."""
    return f"scar-instances-{region}"


def shared_resource_name(content: Mapping[str, object]) -> str:
    """Return the name of a shared resource from its content: equal content, equal name."""
    return f"{SHARED_PREFIX}{_sha256_hex(json.dumps(content, sort_keys=True))[:12]}"


def environment_names(name: str) -> tuple[str, str]:
    """Return the two names that a compute environment alternates between.

    An environment that Batch cannot use any more is replaced while it still exists, so the
    replacement needs another name. Its job queue keeps its own: functions and jobs name that.
    """
    return name, f"{name}{_REPLACEMENT_SUFFIX}"


def shared_name(actual_name: str) -> str:
    """Return the name of a shared resource without the suffix of a replacement."""
    return actual_name.removesuffix(_REPLACEMENT_SUFFIX)


def is_shared_name(name: str) -> bool:
    """Return whether the name is one of ``shared_resource_name`` or ``environment_names``."""
    return _SHARED_NAME.fullmatch(name) is not None


def event_queue_name(function: str) -> str:
    """Return the SQS queue in which the events of a function are gathered."""
    return f"{EVENT_QUEUE_PREFIX}{function}"


def function_of_queue(queue: str) -> str:
    """Return the function of an ``event_queue_name``, empty for another queue."""
    return queue.removeprefix(EVENT_QUEUE_PREFIX) if queue.startswith(EVENT_QUEUE_PREFIX) else ""


def permission_statement_id(bucket: str) -> str:
    """Return the id of the statement that allows a bucket to invoke the function."""
    # Ids must not contain dots, and bucket names no underscores: the result is unique.
    return f"scar-s3-{bucket.replace('.', '_')}"


def notification_rule_id(function: str, bucket: str, prefix: str, suffix: str) -> str:
    """Return the Id that marks a notification as scar's and as this function's.

    A function may have several in one bucket, one for each pair of prefix and suffix.
    """
    return f"scar-{function}-{_sha256_hex(f'{bucket}/{prefix}*{suffix}')[:8]}"


def is_notification_of(rule_id: str, function: str) -> bool:
    """Return whether the Id is one of ``notification_rule_id`` for the function."""
    # Function names may contain hyphens: only the last one separates the digest, and the whole head
    # is compared, so that "crop" does not match the notifications of "crop-small".
    head, _, digest = rule_id.rpartition("-")
    return head == f"scar-{function}" and len(digest) == 8


def _sha256_hex(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
