"""The first import of moto, which a server without functions never needs."""

from __future__ import annotations

import functools
import threading

from scar.local.moto.loading.region_lists import RegionLists, use_region_lists
from scar.local.moto.loading.resource_files import load_on_demand
from scar.local.moto.loading.service_models import use_lean_models

# moto's modules import each other: two threads that import them at once may get half of one.
_LOCK = threading.RLock()


def import_moto() -> None:
    """Import moto's core and replace what it loads; call it before any other import of moto."""
    with _LOCK:
        _import_core()


def import_ec2() -> None:
    """Import moto's EC2; call it before any other import of it or of moto's Batch."""
    with _LOCK:
        _import_core()
        _import_ec2()


@functools.cache
def _import_core() -> None:
    load_on_demand()
    use_region_lists()
    use_lean_models()
    import moto.moto_server.werkzeug_app  # noqa: F401


@functools.cache
def _import_ec2() -> None:
    """Import moto's EC2, which asks three sessions for its Regions meanwhile."""
    from boto3.session import Session

    original = Session.get_available_regions

    def get_available_regions(
        session: Session, service_name: str, partition_name: str = "aws", **options: bool
    ) -> list[str]:
        if options:
            return original(session, service_name, partition_name, **options)
        return RegionLists().get_available_regions(service_name, partition_name)

    # The same answers: another thread that asks a session of its own meanwhile gets no others.
    Session.get_available_regions = get_available_regions  # type: ignore[method-assign, assignment]
    try:
        import moto.ec2.models  # noqa: F401
    finally:
        Session.get_available_regions = original  # type: ignore[method-assign]
