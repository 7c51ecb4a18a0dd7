"""Compile functions without access to an account: placeholders for unknown values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.compile import compiler
from scar.aws.compile.file_systems import unknown_file_systems
from scar.aws.model import names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scar.aws.model.account import Account
    from scar.aws.model.function import Function
    from scar.aws.model.network import VpcNetwork
    from scar.aws.model.resources import Resource

PLACEHOLDER_DIGEST = f"sha256:{'0' * 64}"
PLACEHOLDER_FILE_SYSTEM = "fs-00000000000000000"
PLACEHOLDER_SUBNETS, PLACEHOLDER_GROUPS = ("subnet-00000000000000000",), ("sg-00000000000000000",)


def compile_with_placeholders(
    functions: Sequence[Function], account: Account
) -> tuple[Resource, ...]:
    """Return the functions' resources with made-up image digests.

    Subnets, security groups and EFS file systems are made up too where the FDL does not give them.
    """
    return compiler.compile_resources(
        functions,
        account,
        images=dict.fromkeys(
            (*(f.name for f in functions), names.FAILURE_HANDLER), PLACEHOLDER_DIGEST
        ),
        networks=placeholder_networks(functions, PLACEHOLDER_SUBNETS, PLACEHOLDER_GROUPS),
        file_systems=unknown_file_systems(functions, PLACEHOLDER_FILE_SYSTEM),
    )


def placeholder_networks(
    functions: Sequence[Function], subnets: tuple[str, ...], groups: tuple[str, ...]
) -> Mapping[str, VpcNetwork]:
    """Return the networks of functions with Batch: the FDL's, else these subnets and groups."""
    with_batch = {f.name: f.batch.compute_resources for f in functions if f.batch is not None}
    if not with_batch:
        return {}
    from scar.aws.model.network import VpcNetwork

    return {
        name: VpcNetwork(
            subnets=compute.subnets or subnets,
            security_groups=compute.security_group_ids or groups,
            needs_public_ip=True,
        )
        for name, compute in with_batch.items()
    }
