"""Where objects are kept: one module per provider behind ``ports.ObjectStore``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supervisor.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.ports import ObjectStore

PROVIDERS = ("s3",)


def open_store(
    provider: str, environ: Mapping[str, str], bucket_owners: Mapping[str, str] | None = None
) -> ObjectStore:
    """Open the store that an FDL calls ``provider``: a kind, or ``kind.id`` (``s3.my_s3``).

    Region, endpoint and credentials come from the environment, as in every AWS SDK. Nothing
    is sent yet. ``owners`` names the accounts that buckets must be of. Raises ConfigError for an
    unknown kind or an unusable environment.
    """
    kind = provider.partition(".")[0]
    match kind:
        case "s3":
            from supervisor.storage import s3

            return s3.connect(environ, bucket_owners=bucket_owners)
        case _:
            raise ConfigError(
                f"The storage provider {provider!r} is not known.",
                remedy=f"Use one of: {', '.join(PROVIDERS)} (or one of these, a dot and a name).",
            )
