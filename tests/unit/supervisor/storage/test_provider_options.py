"""What a provider's options mean: addresses, trust, keys; nothing is sent for them."""

from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING

import pytest
import trustme

from supervisor.connections import ProviderConfig
from supervisor.errors import ConfigError
from supervisor.logs import Log
from supervisor.model import ObjectRef
from supervisor.storage import open_provider, open_store
from supervisor.storage.onedata import OnedataStore
from supervisor.storage.provider_keys import PROVIDER_KEYS
from supervisor.storage.provider_options import ProviderOptions
from supervisor.storage.s3 import S3Store
from supervisor.storage.webdav.store import WebDavStore

if TYPE_CHECKING:
    from supervisor.aws.request import AwsRequest

ENVIRON = {
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "function-key",
    "AWS_SECRET_ACCESS_KEY": "b",
    "AWS_SESSION_TOKEN": "function-token",
}
KEYS = {"access_key": "ssm:/a", "secret_key": "ssm:/b"}
VALUES = {"access_key": "lab-key", "secret_key": "lab-secret"}


def options_of(name: str = "minio.lab", log: Log | None = None, **options: str) -> ProviderOptions:
    return ProviderOptions(ProviderConfig(name=name, options=options), dict, log)


def open_s3(name: str, secrets: dict[str, str] = KEYS, **options: str) -> S3Store:
    config = ProviderConfig(name=name, options=options, secrets=secrets)
    store = open_provider(config, ENVIRON, read_secrets=lambda: VALUES)
    assert isinstance(store, S3Store)
    return store


def request_of(store: S3Store, bucket: str = "data") -> AwsRequest:
    return store.api.build_request("PUT", ObjectRef("minio.lab", bucket, "a b/c"))


@pytest.mark.parametrize(
    ("endpoint", "url", "target"),
    [
        ("https://minio.lab:9000", "https://minio.lab:9000", "/data/a%20b/c"),
        ("minio.lab", "https://minio.lab", "/data/a%20b/c"),
        ("minio.lab:9000", "https://minio.lab:9000", "/data/a%20b/c"),
        ("http://[::1]:9000", "http://[::1]:9000", "/data/a%20b/c"),
        ("https://host/base/path/", "https://host/base/path", "/base/path/data/a%20b/c"),
        ("https://host/two%20words", "https://host/two words", "/two%20words/data/a%20b/c"),
    ],
)
def test_an_endpoint_is_a_url_or_a_host(endpoint: str, url: str, target: str) -> None:
    request = request_of(open_s3("minio.lab", endpoint=endpoint))
    assert str(request.origin) == url
    assert request.target == target


def test_a_store_without_path_style_has_the_bucket_in_its_host() -> None:
    store = open_s3("minio.lab", endpoint="https://store.org:9000/x", path_style="false")
    request = request_of(store)
    assert (request.origin.host, request.origin.port) == ("data.store.org", 9000)
    assert request.target == "/x/a%20b/c"
    assert request_of(store, "with.dots").target == "/x/with.dots/a%20b/c"


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        " ",
        "ftp://x",
        "https://",
        f"https://u:{'p4ss'}@host",
        "https://h/?q=1",
        "https://h#f",
        "a:b:c",
    ],
)
def test_what_is_no_address_is_an_error_that_names_provider_and_option(endpoint: str) -> None:
    with pytest.raises(ConfigError, match=r"minio\.lab.*endpoint") as caught:
        open_s3("minio.lab", endpoint=endpoint)
    assert "p4ss" not in caught.value.problem + caught.value.remedy


def test_a_store_with_an_endpoint_gets_neither_the_functions_keys_nor_its_trace() -> None:
    store = open_s3("minio.lab", endpoint="https://minio.lab")
    credentials = store.api.client.credentials.get_credentials()
    assert (credentials.access_key, credentials.token) == ("lab-key", "")
    assert store.api.client.read_trace_id() == ""
    assert store.api.client.region == "us-east-1"
    assert "x-amz-expected-bucket-owner" not in request_of(store).headers
    config = ProviderConfig(name="minio.lab", options={"endpoint": "https://minio.lab"})
    without_keys = open_provider(config, ENVIRON)
    with pytest.raises(ConfigError, match="access_key is missing"):
        without_keys.head(ObjectRef("minio.lab", "data", "key"))


def test_another_account_has_amazons_endpoint_and_checksums_and_its_own_keys() -> None:
    store = open_s3("s3.partner", region="eu-central-1")
    assert request_of(store).origin.host == "data.s3.eu-central-1.amazonaws.com"
    assert store.api.dialect.crc32
    assert store.api.client.credentials.get_credentials().access_key == "lab-key"
    here = open_s3("s3.other_region", secrets={}, region="us-west-2")
    assert here.api.client.credentials.get_credentials().access_key == "function-key"
    assert here.api.client.region == "us-west-2"
    assert open_s3("s3.partner").api.client.region == "eu-west-1"


@pytest.mark.parametrize(
    ("flag", "conditions", "head_first"),
    [("", True, True), ("true", True, False), ("false", False, True)],
)
def test_what_is_not_known_of_write_conditions_is_checked_before(
    flag: str, conditions: bool, head_first: bool
) -> None:
    store = open_s3("minio.lab", endpoint="https://minio.lab", conditional_writes=flag)
    assert store.api.dialect.conditions is conditions
    assert store.api.dialect.head_first is head_first


def test_a_flag_is_true_or_false() -> None:
    options = options_of(verify="maybe", path_style="True")
    assert options.flag("path_style") is True
    assert options.flag("absent") is None
    with pytest.raises(ConfigError, match=r"minio\.lab: verify is 'maybe'"):
        options.flag("verify")


def test_an_unverified_certificate_and_plain_http_are_warnings() -> None:
    lines: list[bytes] = []
    log = Log(write=lines.append)
    options = options_of(log=log, verify="false", endpoint="https://minio.lab")
    pool = options.connections({}, options.origin("endpoint"))
    context = pool._tls_context("minio.lab")
    assert context.verify_mode is ssl.CERT_NONE
    for url in ("http://minio.lab", "http://127.0.0.1:9000", "http://[::1]:1", "https://x"):
        options.warn_if_readable(options_of(endpoint=url).origin("endpoint"))
    messages = [json.loads(line)["message"] for line in lines]
    assert len(messages) == 2
    assert "not verified" in messages[0]
    assert "not encrypted" in messages[1]


def test_a_ca_bundle_is_a_text_or_a_file() -> None:
    text = trustme.CA().cert_pem.bytes().decode()
    options = options_of(ca_bundle=text, endpoint="https://minio.lab")
    context = options.connections({}, options.origin("endpoint"))._tls_context("minio.lab")
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.get_ca_certs()
    for damaged in ("/absent.pem", "-----BEGIN CERTIFICATE-----\nx"):
        options = options_of(ca_bundle=damaged, endpoint="https://minio.lab")
        pool = options.connections({}, options.origin("endpoint"))
        with pytest.raises(ConfigError, match=r"minio\.lab: ca_bundle"):
            pool._tls_context("minio.lab")


def test_a_secret_with_half_of_a_surrogate_pair_is_refused() -> None:
    config = ProviderConfig(name="webdav.x", secrets={"password": "ssm:/x"})
    options = ProviderOptions(config, lambda: {"password": "hidden\ud800"})
    with pytest.raises(ConfigError, match="password is not text in UTF-8") as caught:
        options.secret("password")
    assert "hidden" not in str(caught.value)


def test_a_webdav_server_gets_a_login_or_a_token() -> None:
    def headers(secrets: dict[str, str]) -> dict[str, str]:
        references = dict.fromkeys(secrets, "ssm:/x")
        config = ProviderConfig(name="webdav.x", options={"hostname": "x"}, secrets=references)
        store = open_provider(config, {}, read_secrets=lambda: secrets)
        assert isinstance(store, WebDavStore)
        return dict(store.api.client.authenticate())

    assert headers({}) == {}
    assert headers({"token": "t"}) == {"authorization": "Bearer t"}
    assert headers({"password": "p", "login": "u"}) == {"authorization": "Basic dTpw"}
    for secrets, problem in (
        ({"login": "u"}, "password is missing"),
        ({"password": "p"}, "login is missing"),
        ({"password": "p", "token": "t"}, "login and token are both set"),
        ({"password": "", "login": "u"}, "password is missing or empty"),
        ({"password": "p", "login": ""}, "login is missing or empty"),
        ({"password": "p", "login": "a:b"}, "login has a colon"),
    ):
        with pytest.raises(ConfigError, match=problem):
            headers(secrets)


def test_a_session_token_without_keys_is_not_ignored() -> None:
    config = ProviderConfig(name="s3.partner", secrets={"session_token": "ssm:/t"})
    store = open_provider(config, ENVIRON, read_secrets=lambda: {"session_token": "t"})
    with pytest.raises(ConfigError, match="access_key is missing"):
        store.head(ObjectRef("s3.partner", "data", "key"))


@pytest.mark.parametrize("value", ["s3cret\n", "s3cret\r\nX-Other: 1", "s3crét", "s3cret\0"])
@pytest.mark.parametrize("name", ["minio.lab", "webdav.x", "onedata.x"])
def test_a_value_that_no_header_can_have_is_an_error_without_the_value(
    name: str, value: str
) -> None:
    keys = PROVIDER_KEYS[name.partition(".")[0]]
    options = {"space": "s"} | dict.fromkeys(
        ("endpoint", "hostname", "oneprovider_host"), "http://127.0.0.1:1"
    )
    options = {key: text for key, text in options.items() if key in keys.options}
    secrets = dict.fromkeys(keys.secrets - {"login", "password"}, value)
    config = ProviderConfig(name=name, options=options, secrets=dict.fromkeys(secrets, "ssm:/x"))
    store = open_provider(config, ENVIRON, read_secrets=lambda: secrets)
    with pytest.raises(ConfigError) as caught:
        store.head(ObjectRef(name, "data", "key"))
    assert "s3cr" not in f"{caught.value.problem} {caught.value.remedy} {caught.value.__cause__!r}"
    assert name in caught.value.problem


def test_onedata_needs_a_space() -> None:
    config = ProviderConfig(name="onedata.egi", options={"oneprovider_host": "one.org"})
    with pytest.raises(ConfigError, match="space is missing"):
        open_provider(config, {})
    complete = ProviderConfig(
        name="onedata.egi", options={"oneprovider_host": "one.org", "space": "/mine/"}
    )
    store = open_provider(complete, {}, read_secrets=lambda: {"token": "t"})
    assert isinstance(store, OnedataStore)
    assert store.api.space == "mine"
    assert store.api.client.authenticate() == {"x-auth-token": "t"}


@pytest.mark.parametrize("provider", ["minio.lab", "webdav", "onedata.x"])
def test_a_provider_without_configuration_is_named(provider: str) -> None:
    with pytest.raises(ConfigError, match=f"no storage provider {provider}") as caught:
        open_store(provider, ENVIRON)
    assert "storage_providers" in caught.value.remedy


def test_secrets_are_not_read_before_the_first_request() -> None:
    config = ProviderConfig(name="minio.lab", options={"endpoint": "https://x"}, secrets=KEYS)
    assert isinstance(open_store("minio.lab", ENVIRON, providers=(config,)), S3Store)
