"""Stores of other systems and accounts: the FDL's section ``storage_providers``."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool

from scar.fdl.field_types import check_region, none_to_empty
from scar.fdl.model.base import StorageSpec
from scar.fdl.model.deferred import DeferredModel
from scar.fdl.values.addresses import Address, ServerAddress
from scar.fdl.values.ca_bundles import CaBundle
from scar.fdl.values.secret_values import Secret, SecretValue
from scar.fdl.values.storage_paths import check_provider_name
from supervisor.storage.provider_keys import SECRET_KEYS

ProviderName = Annotated[str, AfterValidator(check_provider_name)]
StoreKind = Literal["s3", "minio", "webdav", "onedata"]
ACCOUNT_S3 = "s3"
_FORMS = "`${env:NAME}`, `${ssm:/path}`, `${secretsmanager:ARN}` or the value"

_CONDITIONAL_WRITES: Any = Field(
    None,
    description="`true`: the server checks write conditions (`If-None-Match`), as Amazon S3 and"
    " current versions of MinIO do; `false`: it does not; empty: each write with a condition is"
    " also preceded by a request that looks for the object. `scar init` tries it",
)

_VERIFY: Any = Field(
    True,
    description="`false`: the server's TLS certificate is not verified, so that anybody on"
    " the way can read the data and the credentials",
)
_CA_BUNDLE: Any = Field(
    "",
    description="certificates that sign the server's: a PEM file relative to this file, whose"
    " certificates become part of the function; a file in the function's image, as an absolute"
    " path; or text in PEM format; empty: those of the public authorities",
    examples=["/etc/ssl/certs/lab-ca.pem"],
)


class ProviderSpec(DeferredModel):
    """A store that is not the account's S3."""

    # Keys that the store cannot be used without.
    required: ClassVar[tuple[str, ...]] = ()
    # Pairs of keys that are set both or not at all.
    together: ClassVar[tuple[str, str] | None] = None

    @property
    def secrets(self) -> dict[str, SecretValue]:
        """The secret values that are set, by key."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: value for name, value in values.items() if name in SECRET_KEYS and value}

    @property
    def options(self) -> dict[str, str]:
        """The plain values other than the defaults, by key; ``true``, ``false`` for switches."""
        values = {
            name: getattr(self, name)
            for name, field in type(self).model_fields.items()
            if name not in SECRET_KEYS and getattr(self, name) not in ("", None, field.default)
        }
        return {
            name: str(value).lower() if isinstance(value, bool) else value
            for name, value in values.items()
        }

    @property
    def address(self) -> str:
        """The URL of the server; empty for Amazon S3."""
        options = self.options
        keys = ("endpoint", "hostname", "oneprovider_host")
        return next((options[key] for key in keys if key in options), "")


class S3Provider(ProviderSpec):
    """Amazon S3 of another account, or a server with S3's API.

    An entry without keys and endpoint is the S3 of the account that the function runs in.
    """

    # Of an entry that is not the account's S3, which needs none.
    required: ClassVar = ("access_key", "secret_key")

    access_key: Secret = Field(
        default_factory=SecretValue,
        description=f"access key ID: {_FORMS}; without keys and `endpoint`, runs use the"
        " S3 of their own account with the function's role",
        examples=["${env:LAB_ACCESS_KEY}"],
    )
    secret_key: Secret = Field(
        default_factory=SecretValue,
        description=f"secret access key: {_FORMS}",
        examples=["${env:LAB_SECRET_KEY}"],
    )
    session_token: Secret = Field(
        default_factory=SecretValue,
        description="session token of temporary keys, which AWS accepts for some hours only",
    )
    region: Annotated[str, AfterValidator(check_region)] = Field(
        "",
        description="Region of the buckets, with keys or `endpoint`; empty: the function's Region"
        " for Amazon S3, `us-east-1` for servers with `endpoint`",
    )
    endpoint: ServerAddress = Field(
        "",
        description="URL of a server with S3's API (Ceph, Garage, SeaweedFS…); empty: Amazon S3",
        examples=["https://s3.example.org"],
    )
    path_style: StrictBool | None = Field(
        None,
        description="`true`: requests name the bucket in the path, `false`: in the host; empty:"
        " in the path for servers with `endpoint`, in the host for Amazon S3",
    )

    verify: StrictBool = _VERIFY
    ca_bundle: CaBundle = _CA_BUNDLE
    conditional_writes: StrictBool | None = _CONDITIONAL_WRITES

    @property
    def is_account(self) -> bool:
        """Whether it is the S3 of the account that the function runs in."""
        return not (self.secrets or self.endpoint)


class MinioProvider(ProviderSpec):
    """A MinIO server."""

    required: ClassVar = ("endpoint", "access_key", "secret_key")

    endpoint: ServerAddress = Field(
        "",
        description="URL of the server; `https://` is added to a host; required",
        examples=["https://minio.example.org:9000"],
    )
    access_key: Secret = Field(
        default_factory=SecretValue,
        description=f"access key: {_FORMS}; required",
        examples=["${env:MINIO_ACCESS_KEY}"],
    )
    secret_key: Secret = Field(
        default_factory=SecretValue,
        description=f"secret key: {_FORMS}; required",
        examples=["${env:MINIO_SECRET_KEY}"],
    )
    region: str = Field(
        "",
        pattern=r"^[A-Za-z0-9-]{0,64}$",
        description="the server's region; empty: `us-east-1`, MinIO's default",
    )
    verify: StrictBool = _VERIFY
    ca_bundle: CaBundle = _CA_BUNDLE
    path_style: StrictBool = Field(
        True,
        description="`true`: requests name the bucket in the path; `false`: in the host, which"
        " needs MINIO_DOMAIN on the server",
    )
    conditional_writes: StrictBool | None = _CONDITIONAL_WRITES
    webhook_token: Secret = Field(
        default_factory=SecretValue,
        description="the token that MinIO's webhook sends (`auth_token`), for events of inputs:"
        f" {_FORMS}",
        examples=["${env:MINIO_WEBHOOK_TOKEN}"],
    )


class WebdavProvider(ProviderSpec):
    """A WebDAV server: Nextcloud, ownCloud, dCache, Apache, nginx."""

    required: ClassVar = ("hostname",)
    together: ClassVar = ("login", "password")

    hostname: Address = Field(
        "",
        description="host or URL of the server, with the path of the files if there is one;"
        " `https://` is added to a host; required",
        examples=["https://cloud.example.org/remote.php/dav/files/ana"],
    )
    login: Secret = Field(
        default_factory=SecretValue,
        description=f"user: {_FORMS}",
        examples=["${env:WEBDAV_LOGIN}"],
    )
    password: Secret = Field(
        default_factory=SecretValue,
        description=f"password, or token of an application: {_FORMS}",
        examples=["${env:WEBDAV_PASSWORD}"],
    )
    token: Secret = Field(
        default_factory=SecretValue,
        description=f"bearer token, instead of login and password (dCache): {_FORMS}",
    )
    verify: StrictBool = _VERIFY
    ca_bundle: CaBundle = _CA_BUNDLE


class OnedataProvider(ProviderSpec):
    """A space of OneData, through the REST interface of a Oneprovider."""

    required: ClassVar = ("oneprovider_host", "token", "space")

    oneprovider_host: ServerAddress = Field(
        "",
        description="host or URL of the Oneprovider; `https://` is added to a host; required",
        examples=["https://oneprovider.example.org"],
    )
    token: Secret = Field(
        default_factory=SecretValue,
        description=f"access token: {_FORMS}; required",
        examples=["${env:ONEDATA_TOKEN}"],
    )
    space: str = Field("", description="name of the space; required", examples=["my-space"])
    verify: StrictBool = _VERIFY
    ca_bundle: CaBundle = _CA_BUNDLE


def _providers(kind: str, description: str, name: str) -> Any:  # noqa: ANN401 - as pydantic's Field
    return Field(
        {},
        description=f"{description} by name, for `storage_provider: {kind}.<name>`",
        examples=[{name: {}}],
    )


class StorageProviders(DeferredModel):
    """Stores other than the account's S3, by kind and name."""

    s3: Annotated[dict[ProviderName, S3Provider], BeforeValidator(none_to_empty)] = _providers(
        "s3", "Amazon S3 of other accounts, and servers with S3's API,", "my_s3"
    )
    minio: Annotated[dict[ProviderName, MinioProvider], BeforeValidator(none_to_empty)] = (
        _providers("minio", "MinIO servers", "my_minio")
    )
    webdav: Annotated[dict[ProviderName, WebdavProvider], BeforeValidator(none_to_empty)] = (
        _providers("webdav", "WebDAV servers", "my_webdav")
    )
    onedata: Annotated[dict[ProviderName, OnedataProvider], BeforeValidator(none_to_empty)] = (
        _providers("onedata", "spaces of OneData", "my_onedata")
    )

    def of_kind(self, kind: str) -> dict[str, ProviderSpec]:
        """Return the providers of a kind by name; none for a kind that is not supported."""
        return dict(getattr(self, kind)) if kind in ("s3", "minio", "webdav", "onedata") else {}

    def find(self, storage_provider: str) -> ProviderSpec | None:
        """Return the entry that ``storage_provider`` names; None for ``s3`` and unknown names."""
        kind, _, name = storage_provider.partition(".")
        return self.of_kind(kind).get(name)

    def is_account_s3(self, storage: StorageSpec) -> bool:
        """Return whether it is in the S3 of the account that the function runs in."""
        kind = storage.storage_provider.partition(".")[0]
        found = self.find(storage.storage_provider)
        return kind == ACCOUNT_S3 and (not isinstance(found, S3Provider) or found.is_account)

    def store_of(self, storage: StorageSpec) -> str:
        """Return which store it is in: ``s3`` for the account's, else ``storage_provider``."""
        return ACCOUNT_S3 if self.is_account_s3(storage) else storage.storage_provider

    def used_by(self, storages: tuple[StorageSpec, ...]) -> dict[str, ProviderSpec]:
        """Return the stores other than the account's S3 that these are in, by ``kind.name``."""
        return {
            name: spec
            for name in sorted({self.store_of(storage) for storage in storages})
            if (spec := self.find(name)) is not None
        }


NO_PROVIDERS = StorageProviders.model_construct()
