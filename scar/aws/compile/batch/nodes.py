"""The nodes of a function's jobs, for the supervisor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supervisor.model import NodeGroup

if TYPE_CHECKING:
    from scar.fdl.model import BatchSpec


def node_group(batch: BatchSpec) -> NodeGroup | None:
    """Return the nodes of each job; None for jobs of one container."""
    if not batch.nodes:
        return None
    spec = batch.multi_node_parallel
    return NodeGroup(count=spec.number_nodes, main=spec.main_node_index, timeout=spec.timeout)
