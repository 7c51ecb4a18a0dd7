"""The template's conditions: images are pushed, and the stack creates the buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scar.aws.model import limits

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

IMAGES_PUSHED, CREATE_BUCKETS = "ImagesArePushed", "MakesBuckets"
CREATE_BUCKETS_PARAMETER = f"{CREATE_BUCKETS}Too"

Condition = dict[str, Any]


def build_conditions(
    image_parameters: Sequence[str], used: Collection[str]
) -> dict[str, Condition]:
    """Return the conditions that resources use, and those that these need.

    ``image_parameters`` are empty until their image is pushed; without any, all resources are
    created at once.
    """
    conditions: dict[str, Condition] = {}
    if CREATE_BUCKETS in used:
        wanted = {"Fn::Equals": [{"Ref": CREATE_BUCKETS_PARAMETER}, "true"]}
        # Notifications of buckets need the functions, so both are created in one step.
        conditions[CREATE_BUCKETS] = (
            {"Fn::And": [{"Condition": IMAGES_PUSHED}, wanted]} if image_parameters else wanted
        )
    if image_parameters:
        conditions[IMAGES_PUSHED] = _all_are_set(image_parameters)
    return conditions


def _all_are_set(parameters: Sequence[str]) -> Condition:
    unset = [{"Fn::Equals": [{"Ref": name}, ""]} for name in parameters]
    return {"Fn::Not": [any_of(unset)]}


def any_of(conditions: Sequence[Condition]) -> Condition:
    """Return a condition that is true if at least one is; there must be one or more.

    ``Fn::Or`` takes 2 to 10 conditions, so more of them are nested.
    """
    most = limits.CLOUDFORMATION_OPERANDS.maximum
    while len(conditions) > 1:
        groups = [conditions[start : start + most] for start in range(0, len(conditions), most)]
        conditions = [group[0] if len(group) == 1 else {"Fn::Or": list(group)} for group in groups]
    return conditions[0]
