"""What is there of one function, as it is now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.deploy.remove import NO_IMAGES
from scar.aws.handlers.aws_resources import Cloud
from scar.aws.inventory.deployed import Inventory
from scar.aws.model.resources import ComputeEnvironment, JobDefinition, JobQueue, LambdaFunction

if TYPE_CHECKING:
    from scar.aws.client.connection import Connection
    from scar.aws.model.resources import Resource


def parts_of(function: str, connection: Connection) -> tuple[Resource, ...]:
    """Read all that belongs to a function, itself first; empty if it is not there.

    Machines that its jobs run on are part of it, whoever shares them. Raises ScarError.
    """
    found = Inventory(connection, Cloud.of(connection, NO_IMAGES)).look([function], ())
    own = list(found.resources.values())
    if not any(isinstance(r, LambdaFunction) for r in own):
        return ()
    queues = {r.queue for r in own if isinstance(r, JobDefinition)}
    own += [
        r
        for r in found.machines.values()
        if isinstance(r, ComputeEnvironment | JobQueue) and r.name in queues
    ]
    return tuple(sorted(own, key=lambda r: (not isinstance(r, LambdaFunction), str(r.key))))
