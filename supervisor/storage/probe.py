"""Finds out whether a store with S3's API checks write conditions; deployments use it."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from supervisor.connections import PROBE_NAME
from supervisor.errors import PreconditionFailed, StorageError
from supervisor.model import IfNoneMatch, ObjectRef

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.connections import ProviderConfig
    from supervisor.logs import Log
    from supervisor.storage.s3 import S3Store


def supports_conditions(
    config: ProviderConfig, values: Mapping[str, str], path: str, log: Log | None = None
) -> bool:
    """Return whether the store of kind ``s3`` or ``minio`` rejects a second ``If-None-Match: *``.

    ``path`` is ``bucket/folder`` of an output, where an object is written twice and deleted. Its
    name begins with ``PROBE_NAME``: events of such objects start no function.
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
    failed = True
    try:
        result = _try_conditions(unconditional, conditional, ref)
        failed = False
        return result
    finally:
        try:
            _delete(unconditional, ref, quiet=failed)
        finally:
            store.close()


def _try_conditions(unconditional: S3Store, conditional: S3Store, ref: ObjectRef) -> bool:
    # Also the test of address, keys, bucket and permission: its error is the user's.
    unconditional.write(ref, b"")
    try:
        conditional.write(ref, b"", condition=IfNoneMatch())
    except PreconditionFailed:
        return True
    except StorageError:  # the store rejects the header: it does not know conditions
        return False
    return False


def _delete(store: S3Store, ref: ObjectRef, *, quiet: bool) -> None:
    """Delete the object, which may exist after a failed write too: its response may be lost.

    ``quiet``: there is an earlier error, which says more than that of the deletion.
    """
    try:
        store.delete(ref)
    except StorageError as error:
        if not quiet:
            raise StorageError(
                f"The test object {ref.bucket}/{ref.key} cannot be deleted: {error.problem}",
                remedy=f"Delete it; {error.remedy or 'let the keys delete objects.'}",
            ) from error
