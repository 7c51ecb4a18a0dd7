"""Adds to a plan what changes in the images of functions; digests alone say only that they do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from scar.aws.model import names
from scar.aws.model.plan import Update
from scar.image.errors import ImageError

if TYPE_CHECKING:
    from scar.aws.model.plan import Plan

_IMAGE = "image"  # the field of functions and job definitions


class ImageComparer(Protocol):
    """Compares deployed images with composed ones."""

    def describe_changes(self, repository: str, old: str, new: str) -> tuple[str, ...]:
        """Return what differs; raise ImageError if the old image cannot be read."""


def add_image_changes(plan: Plan, images: ImageComparer) -> Plan:
    """Return the plan with ``image_changes``; each pair of images is compared once.

    If an image cannot be read, the plan keeps its digests and gets a note with the reason.
    """
    described: dict[tuple[str, str], tuple[str, ...]] = {}
    notes: list[str] = []
    for change in plan.changes:
        if not isinstance(change, Update):
            continue
        for field in change.changed_fields:
            pair = (str(field.before), str(field.after))
            if field.name != _IMAGE or pair in described or not all(map(_digest, pair)):
                continue
            repository = names.parse_repository(pair[1])
            if repository != names.parse_repository(pair[0]):
                continue
            try:
                described[pair] = images.describe_changes(repository, *map(_digest, pair))
            except ImageError as error:
                described[pair] = ()
                notes.append(f"What changes in the image of {repository}: {error.problem}")
    return replace(plan, image_changes=described, notes=(*plan.notes, *notes))


def _digest(uri: str) -> str:
    return uri.partition("@")[2]
