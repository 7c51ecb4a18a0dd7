"""Object stores: one adapter per kind of provider behind ``ports.ObjectStore``.

``open_store()`` returns the store for a provider name of the FDL: the account's own S3, or a store
of the FDL's section storage_providers, whose kind is the first part of its name.

| | the account's S3 | S3 or MinIO with keys | WebDAV | OneData |
|---|---|---|---|---|
| shows incomplete objects | no | no | no: temporary name | no: temporary name |
| create only if absent | atomic | atomic, or HEAD before | MOVE, Overwrite: F | hard link, atomic |
| replace one version only | atomic | atomic, or HEAD before | HEAD before | by id, not atomic |
| user metadata | yes | yes | property, if it has any | extended attribute |
| verified after download | CRC-32, MD5 | MD5, if the ETag is one | size | size |
| verified by the store | CRC-32 | MD5, SHA-256 | size | size |
| starts functions | events | webhook (MinIO) | no | no |

Another store with S3's API checks write conditions, or it does not: ``probe`` finds out. MOVE is
not atomic against another client's on most servers. An object in OneData that is replaced is
absent for a moment.

Without metadata (nginx) a repeated run writes its outputs again, a late run may replace the output
of a newer input, and an object carries no chain of runs. No loop can come of that: a store without
metadata starts no function. Two runs that write the same name at the same moment are told apart by
atomic conditions only; elsewhere the complete file of one of them remains, without an error.

Modules: ``provider_keys`` lists each kind's keys, ``provider_options`` reads what all have,
``local_files`` is the local end, ``byte_ranges`` reads parts. ``s3`` sends requests through
``s3_api`` (one object, one endpoint); ``s3_download`` streams an object to disk and resumes after
broken connections, for all stores; ``s3_upload`` writes an object in one conditional write and
finds out whether a write whose response was lost took effect; ``s3_listing`` finds an object
without the permission to read it; ``s3_protocol`` encodes and decodes; ``s3_errors`` names the
missing permission; ``s3_provider`` connects to other stores than the account's; ``probe`` finds out
whether a store checks write conditions. ``webdav/`` and ``onedata``, through ``onedata_api``, use
``http_client``, whose redirects ``redirect_targets`` checks; ``presigned`` makes URLs for one
upload or download.

To add a provider: a module with ``connect(options, environ)``, a case in ``open_provider()``, its
kind in ``PROVIDERS`` and its keys in ``provider_keys``, and an endpoint of the conformance tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from supervisor.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from supervisor.connections import ProviderConfig
    from supervisor.logs import Log
    from supervisor.model import BucketEncryption
    from supervisor.ports import ObjectStore

PROVIDERS = ("s3", "minio", "webdav", "onedata")


def open_store(
    provider: str,
    environ: Mapping[str, str],
    bucket_owners: Mapping[str, str] | None = None,
    encryption: tuple[BucketEncryption, ...] = (),
    providers: Sequence[ProviderConfig] = (),
    log: Log | None = None,
) -> ObjectStore:
    """Return the store of an FDL's ``storage_provider``: a kind, or ``kind.id`` (``s3.my_s3``).

    ``providers`` are the function's stores other than the account's S3. For that one, Region,
    endpoint and credentials come from the environment, as in every AWS SDK; ``bucket_owners`` are
    the account ids that must own its buckets, ``encryption`` what writes to its buckets request.
    Nothing is sent yet. Raise ConfigError for an unknown kind, or incomplete options.
    """
    config = next((item for item in providers if item.name == provider), None)
    if config is not None:
        return open_provider(config, environ, log)
    kind = provider.partition(".")[0]
    if kind == "s3":
        from supervisor.storage import s3

        return s3.connect(environ, bucket_owners=bucket_owners, encryption=encryption)
    if kind in PROVIDERS:
        raise ConfigError(
            f"The function's configuration has no storage provider {provider}.",
            remedy=f"Add {provider} to storage_providers in the FDL, and run `scar init` again.",
        )
    raise _unknown_kind(provider)


def open_provider(
    config: ProviderConfig,
    environ: Mapping[str, str],
    log: Log | None = None,
    read_secrets: Callable[[], Mapping[str, str]] | None = None,
) -> ObjectStore:
    """Return a store of ``providers``; nothing is sent yet. Raise ConfigError.

    ``read_secrets`` returns the values of its secrets by option; by default they are read from
    AWS, with the credentials of the environment, at the first request.
    """
    from supervisor.storage.provider_options import ProviderOptions

    _refuse_unread_keys(config)
    options = ProviderOptions(config, read_secrets or _secret_reader(config, environ, log), log)
    match config.kind:
        case "s3" | "minio":
            from supervisor.storage import s3_provider

            return s3_provider.connect(options, environ)
        case "webdav":
            from supervisor.storage.webdav import store as webdav

            return webdav.connect(options, environ)
        case "onedata":
            from supervisor.storage import onedata

            return onedata.connect(options, environ)
        case _:
            raise _unknown_kind(config.name)


def _refuse_unread_keys(config: ProviderConfig) -> None:
    """Raise ConfigError for keys that no store of the kind reads: they would have no effect."""
    from supervisor.storage.provider_keys import PROVIDER_KEYS

    if (keys := PROVIDER_KEYS.get(config.kind)) is None:
        raise _unknown_kind(config.name)
    unread = (config.options.keys() - keys.options) | (config.secrets.keys() - keys.secrets)
    if unread:
        raise ConfigError(
            f"storage_providers.{config.name}: stores of this kind do not read"
            f" {', '.join(sorted(unread))} there.",
            remedy="Run `scar init` again: the function's image is of another version of scar.",
        )


def _secret_reader(
    config: ProviderConfig, environ: Mapping[str, str], log: Log | None
) -> Callable[[], Mapping[str, str]]:
    if not config.secrets:
        return dict
    from supervisor.aws import secrets

    section = f"storage_providers.{config.name}"
    return secrets.connect(config.secrets, environ, log=log, source=section).read


def _unknown_kind(provider: str) -> ConfigError:
    return ConfigError(
        f"The storage provider {provider!r} is not supported.",
        remedy=f"Use one of: {', '.join(PROVIDERS)}; a dot and a name may follow.",
    )
