"""Object stores: one module per provider behind ``ports.ObjectStore``.

``open_store()`` returns the store for a provider name of the FDL. So far there is one provider:
``s3`` (Amazon S3 and stores with its API and conditional writes). It sends requests through
``s3_api`` (one object, one endpoint, the expected bucket owner); ``s3_download`` streams an
object to disk and resumes after broken connections; ``s3_upload`` writes an object in one
conditional write, in parts if it is large, and finds out whether a write whose response was lost
took effect; ``s3_listing`` finds an object without the permission to read it; ``s3_protocol``
encodes and decodes headers and XML; ``presigned`` returns URLs for one upload or download;
``s3_errors`` translates S3's errors into ``StorageError`` with the missing permission and a remedy.

``s3_protocol`` and ``s3_errors`` are pure. To add a provider: one module with a function
``connect()``, a case in ``open_store()``, its name in ``PROVIDERS``, and a run of the conformance
tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from supervisor.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.model import BucketEncryption
    from supervisor.ports import ObjectStore

PROVIDERS = ("s3",)


def open_store(
    provider: str,
    environ: Mapping[str, str],
    bucket_owners: Mapping[str, str] | None = None,
    encryption: tuple[BucketEncryption, ...] = (),
) -> ObjectStore:
    """Return the store of an FDL's ``storage_provider``: a kind, or ``kind.id`` (``s3.my_s3``).

    Region, endpoint and credentials come from the environment, as in every AWS SDK; nothing is
    sent yet. ``bucket_owners`` are the account ids that must own the buckets, ``encryption`` what
    writes to buckets request. Raise ConfigError for an unknown kind or an incomplete environment.
    """
    kind = provider.partition(".")[0]
    match kind:
        case "s3":
            from supervisor.storage import s3

            return s3.connect(environ, bucket_owners=bucket_owners, encryption=encryption)
        case _:
            raise ConfigError(
                f"The storage provider {provider!r} is not supported.",
                remedy=f"Use one of: {', '.join(PROVIDERS)}; a dot and a name may follow.",
            )
