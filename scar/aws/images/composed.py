"""The image of a function as ``init`` would push it, without deploying anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.account import network
from scar.aws.compile import compiler

if TYPE_CHECKING:
    from scar.aws.client.connection import Connection
    from scar.aws.images.builder import FunctionImages
    from scar.aws.model.function import Function
    from scar.image.compose import ComposedImage


def composed(function: Function, connection: Connection, images: FunctionImages) -> ComposedImage:
    """Compose the image; only whose account this is, and with Batch the network, is asked for.

    Raise ScarError.
    """
    account, where = connection.account, None
    if function.batch is not None:
        compute = function.batch.compute
        ec2 = connection.client("ec2")
        where = network.find(ec2, compute.subnets, compute.security_groups)
    digest = images.compose(
        function, lambda image: compiler.function_config(function, account, image, where)
    )
    return images.composed(digest)
