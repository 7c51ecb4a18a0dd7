"""The modules that a cold start imports before the first request."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from supervisor.errors import ConfigError
from supervisor.storage import open_store

HEAVY = ("ssl", "http.client", "xml", "email", "logging", "asyncio", "urllib.request", "secrets")
ENVIRON = {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}


@pytest.mark.parametrize(
    "code",
    [
        "import supervisor.storage.s3",
        "import supervisor.batch.submitter",
        "import os; from supervisor.storage import open_store; open_store('s3', os.environ)",
    ],
)
def test_no_tls_http_or_xml_is_loaded_before_the_first_request(code: str) -> None:
    shown = subprocess.run(
        [sys.executable, "-S", "-c", f"{code}; import sys; print(*sys.modules)"],
        capture_output=True,
        check=True,
        text=True,
        cwd=Path(__file__).parents[4],
        env={**ENVIRON, "PATH": os.environ["PATH"]},
    )
    loaded = set(shown.stdout.split())
    assert "supervisor.aws.client" in loaded
    assert not loaded & {*HEAVY, "supervisor.aws.metadata"}


def test_opening_the_package_of_stores_loads_none() -> None:
    shown = subprocess.run(
        [sys.executable, "-S", "-c", "import supervisor.storage, sys; print(*sys.modules)"],
        capture_output=True,
        check=True,
        text=True,
        cwd=Path(__file__).parents[4],
    )
    assert not [n for n in shown.stdout.split() if n.startswith("supervisor.storage.")]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("minio", {"endpoint": "x.org"}),
        ("webdav", {"hostname": "x.org"}),
        ("onedata", {"oneprovider_host": "x.org", "space": "s"}),
    ],
)
def test_opening_another_store_loads_neither_http_nor_xml(
    kind: str, options: dict[str, str]
) -> None:
    program = (
        "import sys; from supervisor.storage import open_provider;"
        "from supervisor.connections import ProviderConfig;"
        f"open_provider(ProviderConfig(name={f'{kind}.x'!r}, options={options!r}), {{}});"
        "print(*sys.modules)"
    )
    shown = subprocess.run(
        [sys.executable, "-S", "-c", program],
        capture_output=True,
        check=True,
        text=True,
        cwd=Path(__file__).parents[4],
    )
    heavy = {"http.client", "ssl", "urllib.request", "xml.etree.ElementTree", "email.utils"}
    assert not heavy & set(shown.stdout.split())


@pytest.mark.parametrize("provider", ["", "s4", "dcache.mine"])
def test_an_unknown_provider_is_named_with_the_known_ones(provider: str) -> None:
    with pytest.raises(ConfigError, match=repr(provider)) as caught:
        open_store(provider, ENVIRON)
    assert "s3" in caught.value.remedy


def test_half_an_environment_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="Region"):
        open_store("s3.mine", {})
    with pytest.raises(ConfigError, match="AWS_ACCESS_KEY_ID is not set"):
        open_store("s3", {"AWS_REGION": "eu-west-1", "AWS_SECRET_ACCESS_KEY": "b"})
