"""The certificate authorities that a connection trusts."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from supervisor.aws.tls import create_ssl_context, find_ca_bundle
from supervisor.errors import ConfigError

S3 = "data.s3.eu-west-1.amazonaws.com"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("roots.pem", "ca-bundle.pem"):
        (tmp_path / name).touch()
    return tmp_path


def test_amazon_s_hosts_need_amazon_s_roots_only(home: Path) -> None:
    environ = {"SCAR_HOME": str(home)}
    assert find_ca_bundle(S3, environ) == home / "roots.pem"
    assert find_ca_bundle("minio.example.org", environ) == home / "ca-bundle.pem"
    assert find_ca_bundle("s3.cn-north-1.amazonaws.com.cn", environ) == home / "ca-bundle.pem"
    assert find_ca_bundle("evilamazonaws.com", environ) == home / "ca-bundle.pem"


def test_a_given_bundle_comes_first(home: Path) -> None:
    assert find_ca_bundle(S3, {"SCAR_HOME": str(home), "AWS_CA_BUNDLE": "/my.pem"}) == Path(
        "/my.pem"
    )


def test_without_bundled_certificates_the_system_s_are_used(tmp_path: Path) -> None:
    assert find_ca_bundle(S3, {"SCAR_HOME": str(tmp_path)}) is None


def test_certificates_and_names_are_verified(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(bundle))
    for context in (create_ssl_context(bundle), create_ssl_context(None)):
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname


@pytest.mark.parametrize("content", [None, "nonsense"])
def test_a_bundle_that_cannot_be_used_is_named(tmp_path: Path, content: str | None) -> None:
    bundle = tmp_path / "broken.pem"
    if content:
        bundle.write_text(content)
    with pytest.raises(ConfigError, match=r"broken\.pem"):
        create_ssl_context(bundle)
