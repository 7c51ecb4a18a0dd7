"""The keys of providers: those that the FDL writes are those that the stores read, of all kinds."""

from __future__ import annotations

import typing

import pytest

from scar.fdl.model import StorageProviders
from scar.fdl.values.secret_values import SecretValue
from scar.hidden_text import HiddenText
from supervisor.connections import ProviderConfig
from supervisor.errors import ConfigError
from supervisor.storage import PROVIDERS, open_provider
from supervisor.storage.provider_keys import PROVIDER_KEYS, SECRET_KEYS
from supervisor.storage.s3 import S3Store

ADDRESS = "https://store.example.org"
# What cannot be both set is tried one after the other.
WITHOUT = {"webdav": ({"token"}, {"login", "password"})}
# Read where requests are checked, not by a store.
READ_ELSEWHERE = {"webhook_token"}


class Recorded(dict[str, str]):
    """Records the keys whose values are read."""

    def __init__(self, values: dict[str, str], read: set[str]) -> None:
        super().__init__(values)
        self.read = read

    def __getitem__(self, key: str) -> str:
        self.read.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: typing.Any = None) -> typing.Any:  # noqa: ANN401 - as dict
        self.read.add(key)
        return super().get(key, default)


def model_of(kind: str) -> typing.Any:  # noqa: ANN401 - a class of pydantic
    hint = StorageProviders.model_fields[kind].annotation
    return typing.get_args(hint)[1]


def read_keys(kind: str, without: set[str]) -> tuple[set[str], set[str]]:
    """Return the options and secrets that a store of the kind reads until its first request."""
    options, secrets = set[str](), set[str]()
    keys = PROVIDER_KEYS[kind]
    special = {"verify": "true", "path_style": "true", "conditional_writes": "true"}
    special |= dict.fromkeys(("endpoint", "hostname", "oneprovider_host"), ADDRESS)
    given = keys.secrets - without
    config = ProviderConfig(
        name=f"{kind}.x",
        options=Recorded({key: special.get(key, key) for key in keys.options}, options),
        secrets=dict.fromkeys(given, "ssm:/x"),
    )
    values = Recorded(dict.fromkeys(given, "value"), secrets)
    store: typing.Any = open_provider(config, {}, read_secrets=lambda: values)
    if isinstance(store, S3Store):
        store.api.client.credentials.get_credentials()
    else:
        assert "authorization" in {k.replace("x-auth-token", "authorization") for k in
                                   store.api.client.authenticate()}  # fmt: skip
    return options, secrets


@pytest.mark.parametrize("kind", PROVIDERS)
def test_a_store_reads_every_key_of_its_kind_and_no_other(kind: str) -> None:
    found = [read_keys(kind, without) for without in WITHOUT.get(kind, (set(),))]
    options, secrets = (set().union(*sets) for sets in zip(*found, strict=True))
    assert options == PROVIDER_KEYS[kind].options
    # A key pair of MinIO is never temporary; the store asks for a token all the same.
    ignored = {"session_token"} - PROVIDER_KEYS[kind].secrets
    assert secrets - ignored == PROVIDER_KEYS[kind].secrets - READ_ELSEWHERE


@pytest.mark.parametrize("kind", PROVIDERS)
def test_the_fdl_has_the_keys_of_each_kind_on_the_same_side(kind: str) -> None:
    fields = model_of(kind).model_fields
    secrets = {name for name, field in fields.items() if field.get_default(
        call_default_factory=True) == SecretValue()}  # fmt: skip
    assert secrets == PROVIDER_KEYS[kind].secrets
    assert fields.keys() - secrets == PROVIDER_KEYS[kind].options


@pytest.mark.parametrize("kind", PROVIDERS)
def test_an_entry_of_the_fdl_is_written_as_the_store_reads_it(kind: str) -> None:
    keys, value = PROVIDER_KEYS[kind], SecretValue(text=HiddenText("x"))
    entry = model_of(kind).model_construct(
        **dict.fromkeys(keys.options, "changed"), **dict.fromkeys(keys.secrets, value)
    )
    assert (entry.options.keys(), entry.secrets.keys()) == (keys.options, keys.secrets)
    assert keys.secrets <= SECRET_KEYS


@pytest.mark.parametrize("kind", PROVIDERS)
def test_a_secret_among_the_options_and_the_reverse_are_refused(kind: str) -> None:
    keys = PROVIDER_KEYS[kind]
    for options, secrets in (
        (dict.fromkeys(keys.secrets, "x"), {}),
        ({}, dict.fromkeys(keys.options, "ssm:/x")),
    ):
        with pytest.raises(ConfigError, match=f"{kind}.x: stores of this kind do not read"):
            open_provider(ProviderConfig(name=f"{kind}.x", options=options, secrets=secrets), {})
