"""Functions compiled for a stack: what it will be told stands as parameters. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.compile import compiler
from scar.aws.compile.placeholders import placeholder_networks
from scar.aws.export.pseudo_parameters import mark
from scar.aws.export.template import SECURITY_GROUPS, SUBNETS, image_parameter
from scar.aws.model import names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scar.aws.model.account import Account
    from scar.aws.model.function import Function
    from scar.aws.model.resources import Resource


def compile_for_template(functions: Sequence[Function], account: Account) -> tuple[Resource, ...]:
    """Compile functions; images are parameters, and so are networks that the FDL leaves open."""
    named = (*(f.name for f in functions), names.FAILURE_HANDLER)
    return compiler.compile_resources(
        functions,
        account,
        images={name: mark(image_parameter(name)) for name in named},
        networks=placeholder_networks(functions, (mark(SUBNETS),), (mark(SECURITY_GROUPS),)),
    )
