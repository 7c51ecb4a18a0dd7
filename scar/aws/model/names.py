"""How everything scar makes is called: from the function, the account and the Region. Pure."""

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
MODE_TAG = "scar:mode"
IMAGE_TAG = "scar:image"
QUEUE_TAG = "scar:queue"
BUCKETS_TAG = "scar:buckets"
MANAGED_TAG = "scar:managed"
KEEP_TAG = "scar:keep"

SHARED_PREFIX = "scar-"
# The function that takes the events of others; the name is taken in every account.
FAILURE_HANDLER = "scar-delegate"

_ROLE_NAME_MAX = 64
_WORDS = re.compile("[a-z0-9]+(?:[_-][a-z0-9]+)*")


def state_bucket_name(account: Account) -> str:
    return f"scar-{account.id}-{account.region}"


def lambda_log_group(function: str) -> str:
    return f"/aws/lambda/{function}"


def batch_log_group(function: str) -> str:
    return f"/aws/batch/{function}"


def repository_name(function: str, prefix: str = REPOSITORY_PREFIX) -> str:
    """Repository names are lower case words with single separators; functions' need not be."""
    if _WORDS.fullmatch(function):
        return f"{prefix}/{function}"
    words = re.findall("[a-z0-9]+", function.lower())
    return f"{prefix}/{'-'.join([*words, _sha256_hex(function)[:8]])}"


def image_uri(account: Account, repository: str, digest: str) -> str:
    return f"{account.registry}/{repository}@{digest}"


def parse_repository(image_uri: str) -> str:
    """Return the repository that an image's URI names, the empty string if there is none."""
    return image_uri.partition("/")[2].partition("@")[0].partition(":")[0]


def repository_and_digest(image_uri: str) -> str:
    """Return the repository and digest that an image's URI names, ``repository@digest``."""
    return f"{parse_repository(image_uri)}@{image_uri.partition('@')[2]}"


def image_tag(digest: str) -> str:
    """Tag of a composed image: repositories expire what has no tag. One digest, one tag."""
    return f"scar-{digest.partition(':')[2]}"


def role_name(function: str, region: str, purpose: str) -> str:
    """Roles are global, functions are not: the Region is part of the name (64 characters)."""
    name = f"{function}-{region}-{purpose}"
    if len(name) <= _ROLE_NAME_MAX:
        return name
    tail = f"-{_sha256_hex(name)[:8]}-{purpose}"
    return name[: _ROLE_NAME_MAX - len(tail)] + tail


def instance_role_name(region: str) -> str:
    """One role and one profile for all instances of the Region's compute environments."""
    return f"scar-instances-{region}"


def shared_resource_name(content: Mapping[str, object]) -> str:
    """Name what is shared by its content: equal content, equal name."""
    return f"{SHARED_PREFIX}{_sha256_hex(json.dumps(content, sort_keys=True))[:12]}"


def permission_statement_id(bucket: str) -> str:
    """The statement that lets one bucket invoke; ids allow no dots, buckets no underscores."""
    return f"scar-s3-{bucket.replace('.', '_')}"


def notification_rule_id(function: str, bucket: str, prefix: str, suffix: str) -> str:
    """The Id by which a notification is ours: one function may watch several folders."""
    return f"scar-{function}-{_sha256_hex(f'{bucket}/{prefix}*{suffix}')[:8]}"


def is_notification_of(rule_id: str, function: str) -> bool:
    head, _, tail = rule_id.rpartition("-")
    return head == f"scar-{function}" and len(tail) == 8


def _sha256_hex(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
