"""Finds out whether a store with S3's API checks write conditions; deployments use it."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from supervisor.errors import PreconditionFailed, StorageError
from supervisor.model import IfNoneMatch, ObjectRef

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.connections import ProviderConfig
    from supervisor.logs import Log
    from supervisor.storage.s3 import S3Store

PROBE_NAME = ".scar-probe-"


def supports_conditions(
    config: ProviderConfig, values: Mapping[str, str], path: str, log: Log | None = None
) -> bool:
    """Return whether the store of kind ``s3`` or ``minio`` rejects a second ``If-None-Match: *``.

    ``path`` is ``bucket/folder`` of an output, where an object is written twice and deleted;
    ``values`` are the values of the secrets. Write the result into the option
    ``conditional_writes``. Raise StorageError if the store cannot be used at all, ConfigError.
    """
    from supervisor.storage import s3_provider
    from supervisor.storage.provider_options import ProviderOptions

    store = s3_provider.connect(ProviderOptions(config, lambda: values, log), {})
    plain = replace(store.api.dialect, conditions=False, head_first=False)
    unconditional = replace(store, api=replace(store.api, dialect=plain))
    conditional = replace(store, api=replace(store.api, dialect=replace(plain, conditions=True)))
    bucket, _, folder = path.partition("/")
    name = f"{PROBE_NAME}{os.urandom(8).hex()}"
    ref = ObjectRef(config.name, bucket, f"{folder.strip('/')}/{name}".lstrip("/"))
    try:
        # Also the test of address, keys, bucket and permission: its error is the user's.
        _write_or_clean_up(unconditional, ref)
        try:
            return _rejects_second_write(conditional, ref)
        finally:
            unconditional.delete(ref)
    finally:
        store.close()


def _write_or_clean_up(store: S3Store, ref: ObjectRef) -> None:
    """Write an empty object; raise StorageError of the write, whatever the cleanup meets."""
    try:
        store.write(ref, b"")
    except StorageError:
        # The write may have taken effect, if only its response was lost.
        with contextlib.suppress(StorageError):
            store.delete(ref)
        raise


def _rejects_second_write(store: S3Store, ref: ObjectRef) -> bool:
    try:
        store.write(ref, b"", condition=IfNoneMatch())
    except PreconditionFailed:
        return True
    except StorageError:  # the store rejects the header: it does not know conditions
        return False
    return False
