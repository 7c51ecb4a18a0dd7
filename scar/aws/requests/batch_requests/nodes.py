"""Multi-node job definitions: the same container in each node of one range.

https://docs.aws.amazon.com/batch/latest/APIReference/API_NodeProperties.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import (
        JobDefinitionTypeDef,
        RegisterJobDefinitionRequestTypeDef,
    )

# Without an upper bound: a submission may ask for another number of nodes (nodeOverrides.numNodes).
ALL_NODES = "0:"


def to_multi_node(
    request: RegisterJobDefinitionRequestTypeDef, nodes: int, main_node: int
) -> RegisterJobDefinitionRequestTypeDef:
    """Return a request for jobs of one container as one for jobs of several nodes."""
    others = {name: value for name, value in request.items() if name != "containerProperties"}
    multi_node = {
        **others,
        "type": "multinode",
        "nodeProperties": {
            "numNodes": nodes,
            "mainNode": main_node,
            "nodeRangeProperties": [
                {"targetNodes": ALL_NODES, "container": request["containerProperties"]}
            ],
        },
    }
    return cast("RegisterJobDefinitionRequestTypeDef", multi_node)


def from_multi_node(revision: JobDefinitionTypeDef) -> tuple[JobDefinitionTypeDef, int, int]:
    """Return a revision with the container that all nodes run, nodes (0: one container), main node.

    Unchanged if it is not a multi-node definition of this form.
    """
    properties: Any = revision.get("nodeProperties")
    ranges = properties.get("nodeRangeProperties", []) if properties else []
    if len(ranges) != 1 or "container" not in ranges[0]:
        return revision, 0, 0
    single = {**revision, "containerProperties": ranges[0]["container"]}
    return cast("JobDefinitionTypeDef", single), properties["numNodes"], properties["mainNode"]
