"""The TLS material of one cluster: created by dask, stored as PEM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distributed.security import Security

from supervisor.runs.cluster_record import ClusterSpec

if TYPE_CHECKING:
    from scar.cluster.cluster_function import MemberSize


def new_security() -> Security:
    """Return a certificate of its own for one cluster: both sides of each connection show it."""
    return Security.temporary()


def build_spec(
    security: Security,
    resources: MemberSize,
    *,
    scheduler: str = "",
    death_timeout: int,
    idle_timeout: int = 0,
) -> ClusterSpec:
    """Return the specification that the cluster's jobs read."""
    return ClusterSpec(
        scheduler=scheduler,
        authority=str(security.tls_ca_file),
        certificate=str(security.tls_worker_cert),
        key=str(security.tls_worker_key),
        threads=resources.threads,
        # 0.95: the supervisor and the operating system need some memory in the same container.
        memory=int(resources.memory * 0.95),
        death_timeout=death_timeout,
        idle_timeout=idle_timeout,
        job_vcpus=f"{resources.vcpus:g}" if resources.is_override else "",
        job_memory=resources.memory if resources.is_override else 0,
    )
