"""Compile the Batch resources of a function.

``resources`` yields them all: the log group, the roles of jobs and instances (``roles``), the
launch template and the compute environment (``compute_environments``), the job queue, and the job
definition (``job_definitions``). ``job_sizes`` are the larger sizes that a job can be submitted
with after it ran out of memory, ``nodes`` the nodes of multi-node jobs. Functions with equal
compute resources yield the same environment
and queue, because these are named by a digest of their content. Pure functions; no I/O.
"""

from scar.aws.compile.batch.compute_environments import job_queue_name
from scar.aws.compile.batch.job_sizes import larger_sizes
from scar.aws.compile.batch.nodes import node_group
from scar.aws.compile.batch.resources import compile_batch
from scar.aws.compile.batch.roles import user_role_arn

__all__ = [
    "compile_batch",
    "job_queue_name",
    "larger_sizes",
    "node_group",
    "user_role_arn",
]
