"""Clusters of dask whose workers are Batch jobs of a deployed function.

``from scar.cluster import BatchCluster`` is the interface for programs; ``scar cluster`` that of
the command line. Everything about tasks and data is dask's: this package submits and ends jobs.

1. ``cluster_function`` reads what is deployed: the function's job definition and queue. The
   function's FDL file must have ``batch.cluster: true``.
2. ``tls`` creates the certificate of one cluster, ``staging`` writes it with the cluster's
   specification to the state bucket and deletes it at the end.
3. ``cluster_jobs`` submits, lists and ends the jobs of a cluster; their supervisor reads the
   specification and starts dask's own scheduler or worker (``supervisor.runtime.cluster_job``).
4. ``batch_cluster`` is ``BatchCluster``, a SpecCluster of dask whose processes are the jobs of
   ``job_processes``; ``worker_wait`` and ``scheduler_wait`` wait for them. ``exit_signals`` closes
   it at SIGTERM, and ``connecting`` connects it as the command line would.
5. ``control`` starts, scales, lists and stops clusters without a manager process, for the command
   line; ``client_files`` writes what their clients need.

dask is an extra, imported by ``batch_cluster``, ``job_processes`` and ``tls`` only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.errors import ConfigurationError

if TYPE_CHECKING:
    from scar.cluster.batch_cluster import BatchCluster

__all__ = ["BatchCluster"]


def __getattr__(name: str) -> object:
    """Import BatchCluster, and dask with it, at its first use."""
    if name != "BatchCluster":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require_dask()
    from scar.cluster.batch_cluster import BatchCluster

    return BatchCluster


def require_dask() -> None:
    """Raise ConfigurationError if dask is not installed."""
    try:
        import cryptography  # noqa: F401
        import distributed  # noqa: F401
    except ImportError as error:
        raise ConfigurationError(
            f"Clusters need dask, which is not installed: {error}.",
            remedy="Install it: pip install 'scar-serverless[dask]'",
        ) from error
