"""Rules of multi-node job definitions and jobs.

https://docs.aws.amazon.com/batch/latest/APIReference/API_NodeProperties.html
https://docs.aws.amazon.com/batch/latest/APIReference/API_NodeRangeProperty.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scar.aws.model.limits import Limit
from scar.aws.requests.rules.batch.common import client_exception
from scar.aws.requests.rules.constraints import (
    Parameters,
    check_range,
    get_structure,
    get_structures,
    get_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scar.aws.requests.rules.constraints import RuleViolation

# One node is allowed by the API; the FDL requires two (limits.BATCH_NODES).
_NODES = Limit(minimum=1, maximum=1_000, unit="nodes", source="observed: Batch console")
_RANGE = re.compile(r"(\d*):(\d*)|(\d+)")


def containers_of(parameters: Parameters) -> tuple[Parameters, ...]:
    """Return the container of a job definition, or those of its node ranges."""
    if parameters.get("type") != "multinode":
        return (get_structure(parameters, "containerProperties"),)
    ranges = get_structures(get_structure(parameters, "nodeProperties"), "nodeRangeProperties")
    return tuple(get_structure(item, "container") for item in ranges)


def overrides_of(parameters: Parameters) -> tuple[Parameters, ...]:
    """Return the container overrides of a job, or those of its node ranges."""
    ranges = get_structures(get_structure(parameters, "nodeOverrides"), "nodePropertyOverrides")
    return (
        get_structure(parameters, "containerOverrides"),
        *(get_structure(item, "containerOverrides") for item in ranges),
    )


def parse_node_range(text: str, count: int) -> range | None:
    """Return the node numbers of ``targetNodes`` in a job of ``count`` nodes; None if invalid."""
    found = _RANGE.fullmatch(text)
    if found is None:
        return None
    if found[3]:
        return range(int(found[3]), int(found[3]) + 1)
    first, last = int(found[1] or 0), int(found[2]) if found[2] else count - 1
    return range(first, last + 1)


def check_node_properties(parameters: Parameters) -> Iterator[RuleViolation]:
    """Check that type, platform, main node and node ranges of a definition agree."""
    properties = get_structure(parameters, "nodeProperties")
    if parameters.get("type") != "multinode":
        if properties:
            yield client_exception("nodeProperties is only valid for the type multinode.")
        return
    platforms = parameters.get("platformCapabilities")
    if isinstance(platforms, list | tuple) and "FARGATE" in platforms:
        yield client_exception("The type multinode is not supported on FARGATE.")
    if parameters.get("containerProperties"):
        yield client_exception("containerProperties is not valid for the type multinode.")
    count, main = properties.get("numNodes"), properties.get("mainNode")
    ranges = get_structures(properties, "nodeRangeProperties")
    if not isinstance(count, int) or not isinstance(main, int) or not ranges:
        yield client_exception(
            "nodeProperties with numNodes, mainNode and nodeRangeProperties is required for the"
            " type multinode."
        )
        return
    yield from check_range(count, _NODES, "nodeProperties.numNodes")
    if not 0 <= main < count:
        yield client_exception("mainNode must be less than numNodes.")
    if not _covers_all([get_text(item, "targetNodes") or "" for item in ranges], count):
        yield client_exception("The node ranges must account for all nodes.")


def _covers_all(ranges: Sequence[str], count: int) -> bool:
    """Return whether the ranges have all nodes and no others; nested ranges are allowed."""
    parsed = [parse_node_range(text, count) for text in ranges]
    numbers = sorted((n.start, n.stop) for n in parsed if n is not None and n.stop <= count)
    if len(numbers) != len(ranges):
        return False
    end = 0
    for start, stop in numbers:
        if start > end:
            return False
        end = max(end, stop)
    return end == count
