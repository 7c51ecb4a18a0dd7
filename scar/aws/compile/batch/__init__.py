"""Compile the Batch resources of a function.

``resources`` yields them all: the log group, the roles of jobs and instances (``roles``), the
launch templates and the compute environments (``compute_environments``), the job queues and their
scheduling policy (``job_queues``), and the job definition (``job_definitions``, with
``job_storage`` for what it mounts and ``retry_rules`` for what Batch itself repeats).
``job_capacity`` has what the supervisor decides with about a job: the sizes that can run, overrides
and retries. ``job_sizes`` are the larger sizes that a job can be submitted with after it ran out of
memory, ``nodes`` the nodes of multi-node jobs. Functions with equal compute resources yield the
same environments and queues, because these are named by a digest of their content. Pure functions;
no I/O.
"""

from scar.aws.compile.batch.job_capacity import compile_batch_target
from scar.aws.compile.batch.job_definitions import raw_property_notes
from scar.aws.compile.batch.job_queues import job_queue_name, other_queue_names
from scar.aws.compile.batch.job_sizes import larger_sizes
from scar.aws.compile.batch.resources import compile_batch
from scar.aws.compile.batch.roles import user_role_arn

__all__ = [
    "compile_batch",
    "compile_batch_target",
    "job_queue_name",
    "larger_sizes",
    "other_queue_names",
    "raw_property_notes",
    "user_role_arn",
]
