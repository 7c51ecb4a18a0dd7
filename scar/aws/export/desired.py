"""Compile functions for a template: values that the stack provides are parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.compile import compiler
from scar.aws.compile.file_systems import unknown_file_systems
from scar.aws.compile.placeholders import placeholder_networks
from scar.aws.export.parameters import (
    SECURITY_GROUPS,
    SUBNETS,
    file_system_parameter,
    image_parameter,
)
from scar.aws.export.pseudo_parameters import mark
from scar.aws.model import names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scar.aws.model.account import Account
    from scar.aws.model.function import Function
    from scar.aws.model.resources import Resource, ResourceKey


def compile_for_template(functions: Sequence[Function], account: Account) -> tuple[Resource, ...]:
    """Return the desired resources.

    Image digests are parameters, and so are subnets, security groups and EFS file systems that the
    FDL omits.
    """
    image_names = (*(f.name for f in functions), names.FAILURE_HANDLER)
    return compiler.compile_resources(
        functions,
        account,
        images={name: mark(image_parameter(name)) for name in image_names},
        networks=placeholder_networks(functions, (mark(SUBNETS),), (mark(SECURITY_GROUPS),)),
        file_systems={
            access_point: mark(file_system_parameter(access_point))
            for access_point in unknown_file_systems(functions)
        },
    )


def find_owners(functions: Sequence[Function], account: Account) -> dict[ResourceKey, str]:
    """Return the function of each resource that belongs to exactly one function."""
    owners: dict[ResourceKey, str] = {}
    for function in functions:
        for resource in compile_for_template([function], account):
            # The failure handler is compiled with each function, and belongs to none.
            owners[resource.key] = "" if resource.key in owners else function.name
    return owners
