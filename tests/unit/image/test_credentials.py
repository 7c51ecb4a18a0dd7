"""Logins are read from Docker's configuration and helpers; secrets are not shown."""

from __future__ import annotations

import base64
import json
import os
from typing import TYPE_CHECKING

import pytest

from scar.image.errors import RegistryError
from scar.image.registry.credentials import DockerConfig, Login

if TYPE_CHECKING:
    from pathlib import Path

AUTH = base64.b64encode(b"me:pass:word").decode()


def config(folder: Path, document: object) -> DockerConfig:
    (folder / "config.json").write_text(
        document if isinstance(document, str) else json.dumps(document)
    )
    path = f"{folder}:{os.environ['PATH']}"
    return DockerConfig.from_environment({"DOCKER_CONFIG": str(folder), "PATH": path})


def helper(folder: Path, name: str, script: str) -> None:
    program = folder / f"docker-credential-{name}"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.fixture(autouse=True)
def _helpers_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")


def test_a_login_of_the_file_is_found_under_each_name_that_docker_uses(tmp_path: Path) -> None:
    logins = config(tmp_path, {"auths": {"https://index.docker.io/v1/": {"auth": AUTH}}})
    assert logins.login("docker.io") == Login("me", "pass:word")
    assert logins.login("quay.io") is None
    logins = config(tmp_path, {"auths": {"host:5000": {"auth": AUTH}}})
    assert logins.login("host:5000") == Login("me", "pass:word")


def test_without_a_file_there_is_no_login(tmp_path: Path) -> None:
    assert DockerConfig.from_environment({"HOME": str(tmp_path)}).login("docker.io") is None


def test_a_helper_of_one_registry_takes_precedence_over_the_store(tmp_path: Path) -> None:
    helper(tmp_path, "one", 'read name; echo "{\\"Username\\":\\"u\\",\\"Secret\\":\\"$name\\"}"')
    helper(tmp_path, "all", 'echo "{\\"Username\\":\\"<token>\\",\\"Secret\\":\\"t\\"}"')
    logins = config(tmp_path, {"credsStore": "all", "credHelpers": {"quay.io": "one"}})
    assert logins.login("quay.io") == Login("u", "quay.io")
    assert logins.login("ghcr.io") == Login("", "", "t")


def test_a_helper_without_credentials_gives_no_login(tmp_path: Path) -> None:
    helper(tmp_path, "all", "echo credentials not found in native keychain; exit 1")
    assert config(tmp_path, {"credsStore": "all"}).login("quay.io") is None


@pytest.mark.parametrize(
    ("script", "word"),
    [
        ("echo locked >&2; exit 1", "locked"),
        ("echo nonsense", "returned an invalid login"),
        (None, "cannot be run"),
    ],
)
def test_a_failing_helper_is_named(tmp_path: Path, script: str | None, word: str) -> None:
    if script is not None:
        helper(tmp_path, "all", script)
    with pytest.raises(RegistryError, match=word) as refused:
        config(tmp_path, {"credsStore": "all"}).login("quay.io")
    assert "docker-credential-all" in refused.value.problem


@pytest.mark.parametrize(
    "document", ["{", "[]", {"auths": []}, {"auths": {"quay.io": {"auth": "%"}}}]
)
def test_an_invalid_file_is_named(tmp_path: Path, document: object) -> None:
    with pytest.raises(RegistryError, match=r"config\.json cannot be used"):
        config(tmp_path, document).login("quay.io")


def test_a_helper_is_a_name_and_not_a_path(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="not the name of a credential helper"):
        config(tmp_path, {"credsStore": "../x"}).login("quay.io")


def test_the_repr_does_not_contain_secrets() -> None:
    assert "word" not in repr(Login("me", "pass:word", "token-word"))
