"""Reads logins to registries from Docker's configuration and its credential helpers."""

from __future__ import annotations

import base64
import binascii
import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from scar.image.errors import ImageError, RegistryError
from scar.image.formats.manifest import JsonObject, expect_object, parse_json
from scar.image.formats.reference import DOCKER_HUB

if TYPE_CHECKING:
    from collections.abc import Mapping

HELPER_TIMEOUT = 60.0  # seconds: a helper may ask the user to unlock a keychain
_HUB_KEY = "https://index.docker.io/v1/"
_TOKEN_USER = "<token>"  # noqa: S105 - helpers return it if the secret is an identity token


@dataclass(frozen=True, slots=True)
class Login:
    """A user and a password, or an identity token; the repr does not show the secrets."""

    user: str
    password: str = field(repr=False)
    identity_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class DockerConfig:
    """Docker's ``config.json``, which contains logins or names credential helpers."""

    path: Path
    environ: Mapping[str, str]

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> DockerConfig:
        """Return the configuration in ``$DOCKER_CONFIG``, else in ``~/.docker``."""
        home = Path(environ.get("HOME", "~")).expanduser()
        folder = Path(environ.get("DOCKER_CONFIG") or home / ".docker")
        return cls(folder / "config.json", environ)

    def login(self, registry: str) -> Login | None:
        """Return the login to a registry, None if there is none.

        Raise RegistryError if the file is invalid or the helper fails.
        """
        # In Docker's order: the registry's own helper, the general store, the file itself.
        document = self._read_file()
        names = _lookup_keys(registry)
        helpers = self._get_section(document, "credHelpers")
        for name in names:
            if helper := helpers.get(name):
                return self._run_helper(str(helper), name)
        auths = self._get_section(document, "auths")
        if store := document.get("credsStore"):
            # `docker login` leaves an empty entry in auths, under the name that the store uses.
            stored = [name for name in names if name in auths] or names[:1]
            return self._run_helper(str(store), stored[0])
        for name in names:
            if name in auths:
                return self._parse_auth(self._get_section(auths, name), name)
        return None

    def _read_file(self) -> JsonObject:
        try:
            data = self.path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            raise self._config_error(error.strerror or str(error)) from error
        try:
            return expect_object(parse_json(data, "file"), "file")
        except ImageError as error:
            raise self._config_error("it is not a JSON object") from error

    def _get_section(self, document: JsonObject, name: str) -> JsonObject:
        section = document.get(name)
        if section is None:
            return {}
        if not isinstance(section, dict):
            raise self._config_error(f"{name} is not an object")
        return section

    def _parse_auth(self, entry: JsonObject, name: str) -> Login | None:
        token = str(entry.get("identitytoken") or "")
        if auth := entry.get("auth"):
            try:
                text = base64.b64decode(str(auth), validate=True).decode()
            except (binascii.Error, ValueError) as error:
                raise self._config_error(f"the login to {name} is not base64") from error
            user, _, password = text.rstrip("\0").partition(":")
            return Login(user, password, token)
        if token or entry.get("username"):
            user, password = str(entry.get("username") or ""), str(entry.get("password") or "")
            return Login(user, password, token)
        return None

    def _run_helper(self, helper: str, name: str) -> Login | None:
        """Return the login from ``docker-credential-<helper> get``, None if it has none."""
        program = f"docker-credential-{helper}"
        if "/" in helper:
            raise self._config_error(f"{helper!r} is not the name of a credential helper")
        try:
            # The helpers' protocol: the name on standard input, JSON on standard output.
            result = subprocess.run(
                [program, "get"],
                input=name,
                capture_output=True,
                text=True,
                timeout=HELPER_TIMEOUT,
                env=dict(self.environ),
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RegistryError(
                f"The credential helper {program} cannot be run: {error}.",
                remedy=f"Install it, or remove it from {self.path}.",
            ) from error
        if result.returncode != 0:
            output = (result.stdout + result.stderr).strip()
            # The protocol has no exit status for "no login"; Docker compares the text too.
            if "credentials not found" in output.lower():
                return None
            raise RegistryError(
                f"The credential helper {program} returned no login to {name}: {output[:200]}",
                remedy=f"Log in again: `docker login {name}`.",
            )
        try:
            document = json.loads(result.stdout)
            user, secret = str(document["Username"]), str(document["Secret"])
        except (ValueError, KeyError, TypeError) as error:
            raise RegistryError(
                f"The credential helper {program} returned an invalid login to {name}.",
                remedy=f"Check its output: `echo {name} | {program} get`.",
            ) from error
        return Login("", "", secret) if user == _TOKEN_USER else Login(user, secret)

    def _config_error(self, problem: str) -> RegistryError:
        return RegistryError(
            f"{self.path} cannot be used: {problem}.",
            remedy="Correct the file, or log in again with `docker login`.",
        )


def _lookup_keys(registry: str) -> tuple[str, ...]:
    """Return the keys under which Docker and its helpers may store the login, likeliest first."""
    if registry == DOCKER_HUB:
        return (_HUB_KEY, "index.docker.io", DOCKER_HUB, f"https://{DOCKER_HUB}")
    return (registry, f"https://{registry}", f"https://{registry}/v1/", f"https://{registry}/v2/")
