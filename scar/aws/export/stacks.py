"""Divide resources among several stacks, which are created one after the other.

The first stack has what functions share (state bucket, compute environments, failure handler), the
last one the users' buckets, whose notifications need the functions. Names are fixed, so no stack
needs the outputs of another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.export.desired import compile_for_template, find_owners
from scar.aws.export.quotas import TemplateQuotaError, exceeded_quotas
from scar.aws.export.template import export_template
from scar.aws.model import resources as kinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scar.aws.export.template import ExportedTemplate
    from scar.aws.model.account import Account
    from scar.aws.model.function import Function
    from scar.aws.model.resources import Resource, ResourceKey

MAX_STACKS = 50


def export_functions(
    functions: Sequence[Function], account: Account, stacks: int
) -> tuple[ExportedTemplate, ...]:
    """Return one template per stack, in the order of their creation; there may be fewer stacks.

    Raise TemplateQuotaError, with the number of stacks that are needed, for a template that
    CloudFormation would refuse.
    """
    desired = compile_for_template(functions, account)
    owners = find_owners(functions, account) if stacks > 1 else {}
    exported = _export_stacks(desired, owners, account.region, stacks)
    exceeded = _list_exceeded(exported)
    if exceeded:
        owners = owners or find_owners(functions, account)
        raise TemplateQuotaError(exceeded, _count_needed(desired, owners, account.region))
    return exported


def _export_stacks(
    desired: Sequence[Resource], owners: Mapping[ResourceKey, str], region: str, stacks: int
) -> tuple[ExportedTemplate, ...]:
    parts = divide_resources(desired, owners, stacks)
    return tuple(export_template(part, region) for part in parts)


def _list_exceeded(exported: Sequence[ExportedTemplate]) -> list[str]:
    return [
        f"{f'template {number}: ' if len(exported) > 1 else ''}{sentence}"
        for number, one in enumerate(exported, start=1)
        for sentence in exceeded_quotas(one.template, one.text)
    ]


def _count_needed(
    desired: Sequence[Resource], owners: Mapping[ResourceKey, str], region: str
) -> int:
    """Return the least number of stacks that CloudFormation accepts; 0 if there is none."""
    for stacks in range(2, MAX_STACKS + 1):
        exported = _export_stacks(desired, owners, region, stacks)
        if not _list_exceeded(exported):
            return stacks
        if len(exported) < stacks:  # every function has a stack of its own already
            break
    return 0


def divide_resources(
    desired: Sequence[Resource], owners: Mapping[ResourceKey, str], stacks: int
) -> list[tuple[Resource, ...]]:
    """Divide the resources; those of one function stay together."""
    if stacks == 1:
        return [tuple(desired)]
    shared: list[Resource] = []
    buckets: list[Resource] = []
    by_function: dict[str, list[Resource]] = {}
    for resource in desired:
        if isinstance(resource, kinds.Bucket | kinds.BucketNotification):
            buckets.append(resource)
        elif owner := owners.get(resource.key):
            by_function.setdefault(owner, []).append(resource)
        else:
            shared.append(resource)
    parts: list[tuple[Resource, ...]] = []
    part, remaining = shared, len(desired)
    for group in by_function.values():
        # Each stack gets its share of what is left, to the nearest function.
        stacks_left = stacks - len(parts)
        if stacks_left > 1 and part and len(part) + len(group) / 2 > remaining / stacks_left:
            parts.append(tuple(part))
            remaining -= len(part)
            part = []
        part = [*part, *group]
    return [*parts, (*part, *buckets)]
