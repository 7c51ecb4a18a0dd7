"""Overrides of multi-node jobs: SubmitJob has them per range of nodes, not for the job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supervisor.errors import SubmissionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.model import BatchTarget, JobRequest


def build_overrides(
    target: BatchTarget, job: JobRequest, container: Mapping[str, object]
) -> dict[str, object]:
    """Return SubmitJob's overrides: of the container, or of all nodes of a multi-node job.

    Raise SubmissionError if nodes are requested of a function whose jobs have one container.
    """
    if target.nodes is None:
        if job.nodes:
            raise SubmissionError(
                f"The job {job.name} cannot have {job.nodes} nodes: the job definition"
                f" {target.definition} is for jobs of one container.",
                remedy="Set batch.multi_node_parallel.enabled in the FDL, and run `scar init`.",
            )
        return {"containerOverrides": container}
    overrides: dict[str, object] = {
        "nodePropertyOverrides": [{"targetNodes": "0:", "containerOverrides": container}]
    }
    # Batch refuses a number that does not include the main node.
    if job.nodes:
        overrides["numNodes"] = job.nodes
    return {"nodeOverrides": overrides}
