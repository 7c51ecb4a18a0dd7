"""All resources of one function.

It imports the handlers of all resources, which a list of functions does not need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.handlers.aws_resources import AwsResources
from scar.aws.handlers.image_store import NO_IMAGES
from scar.aws.inventory.deployed_resources import Inventory
from scar.aws.model.resources import JobDefinition, JobQueue, LambdaFunction

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.resources import Resource


def read_function_resources(function: str, connection: AwsConnection) -> tuple[Resource, ...]:
    """Return all resources of a function, itself first; empty if it does not exist.

    Its job queues with their compute environments are among them, also if shared. Raise ScarError.
    """
    snapshot = Inventory(connection, AwsResources.connect(connection, NO_IMAGES)).take_snapshot(
        [function], ()
    )
    resources = list(snapshot.resources.values())
    if not any(isinstance(r, LambdaFunction) for r in resources):
        return ()
    named = {queue for r in resources if isinstance(r, JobDefinition) for queue in r.queues}
    shared = snapshot.batch_infrastructure
    queues = [r for r in shared.values() if isinstance(r, JobQueue) and r.name in named]
    needed = {key for queue in queues for key in queue.needs}
    resources += [*queues, *(shared[key] for key in sorted(needed & shared.keys()))]
    return tuple(sorted(resources, key=lambda r: (not isinstance(r, LambdaFunction), str(r.key))))
