"""Jobs of several nodes: ``multi_node_parallel``."""

from pydantic import Field, StrictBool

from scar.aws.model import limits
from scar.fdl.model.deferred import DeferredModel

_SCAR_NODES = 10  # SCAR's default


class MultiNodeSpec(DeferredModel):
    """Multi-node parallel jobs: several containers, an instance each, that work on one input."""

    enabled: StrictBool = Field(
        False, description="run each job on several nodes; the other keys have no effect otherwise"
    )
    number_nodes: int = Field(
        _SCAR_NODES,
        ge=limits.BATCH_NODES.minimum,
        le=limits.BATCH_NODES.maximum,
        description="nodes of each job (2 to 1000), each with `vcpus` and `memory`",
    )
    main_node_index: int = Field(
        0,
        ge=0,
        description="number of the main node, from 0: its exit is that of the job, and only its"
        " output files are uploaded",
    )
    timeout: int = Field(
        600,
        ge=60,
        description="seconds in which all nodes must have started, else the run fails; the other"
        " nodes end so long after the main node is gone",
    )
