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

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

# A function in the mode ``lambda`` needs none of the 20 modules with Batch's resources.
_MODULE_OF = {
    "compile_batch": "resources",
    "compile_batch_target": "job_capacity",
    "job_queue_name": "job_queues",
    "larger_sizes": "job_sizes",
    "other_queue_names": "job_queues",
    "raw_property_notes": "job_definitions",
    "user_role_arn": "roles",
}


def __getattr__(name: str) -> object:
    """Import the module of a name of ``__all__``."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value
