"""Which changes exclude other deployments, and which change what functions share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scar.aws.model.plan import Update
from scar.aws.model.resources import (
    BatchTargetRecord,
    Bucket,
    BucketNotification,
    EcrImage,
    SupersededRepository,
    UnusedImage,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from scar.aws.model.plan import Plan
    from scar.aws.model.resources import Resource

# Deletions that cannot be undone: they are applied last, when no step can fail any more.
DELETED_LAST = (UnusedImage, SupersededRepository)


def needs_lock(changes: Plan) -> bool:
    """Return whether the changes must exclude other deployments.

    Updates of a function's own resources need no lock. Creations and deletions do, since
    another deployment may plan with the same shared resources; so do notifications, since a
    bucket has one configuration for all functions; and records of functions, since two deployments
    at once would not see that together they close a loop, unless only the memory differs. Pushing
    and deleting images is safe: an image is named by its digest, and checked for users right before
    its deletion.
    """
    return any(
        not isinstance(c, Update)
        or c.desired.shared
        or isinstance(c.desired, BucketNotification)
        or (isinstance(c.desired, BatchTargetRecord) and _changes_links(c.observed, c.desired))
        for c in changes.changes
        if not isinstance(c.resource, (EcrImage, *DELETED_LAST))
    )


def _changes_links(observed: Resource, desired: BatchTargetRecord) -> bool:
    """Return whether anything but the memory differs in a function's record."""
    if not isinstance(observed, BatchTargetRecord):
        return True
    try:
        before, after = json.loads(observed.text), json.loads(desired.text)
        return bool({**before, "memory": 0} != {**after, "memory": 0})
    except (TypeError, ValueError):
        return True


def changes_shared(changes: Plan, functions: Collection[str]) -> bool:
    """Return whether the plan changes resources that do not belong to these functions alone.

    Buckets do not count: only folders are added to them, and only unused ones are deleted.
    """
    return any(
        changes.owners.get(c.resource.key, "") not in functions
        for c in changes.changes
        if not isinstance(c.resource, (Bucket, EcrImage, *DELETED_LAST))
    )
