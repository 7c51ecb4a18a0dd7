"""Convert SCAR's storage providers to the FDL's, without their secrets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from scar.aws.inventory.scar4.fdl_texts import Reference
from scar.fdl.model.storage_providers import (
    MinioProvider,
    OnedataProvider,
    S3Provider,
    WebdavProvider,
)
from supervisor.storage.provider_keys import SECRET_KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.fdl.model.storage_providers import ProviderSpec

_MODELS: Mapping[str, type[ProviderSpec]] = {
    "s3": S3Provider,
    "minio": MinioProvider,
    "webdav": WebdavProvider,
    "onedata": OnedataProvider,
}
_ADDRESSES = frozenset({"endpoint", "hostname", "oneprovider_host"})
_LOGIN, _PASSWORD = "login", "password"
SECTION = "storage_providers"


def convert_providers(found: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """Return the section ``storage_providers``; secrets are references to variables.

    ``notes`` gets a sentence about each key that is not written, or not as SCAR had it.
    """
    section: dict[str, Any] = {}
    for kind, stores in found.items():
        if kind not in _MODELS:
            notes.append(f"{SECTION}.{kind} is not in the file: scar has no such stores.")
            continue
        named = stores if isinstance(stores, dict) else {}
        for name, values in named.items():
            entry = _Entry(str(kind), str(name), notes)
            section.setdefault(kind, {})[name] = entry.convert(
                values if isinstance(values, dict) else {}
            )
    return section


class _Entry:
    """One store of SCAR; ``notes`` as in ``convert_providers``."""

    def __init__(self, kind: str, name: str, notes: list[str]) -> None:
        self.keys = _MODELS[kind].model_fields.keys()
        self.place = f"{SECTION}.{kind}.{name}"
        self.prefix = f"{kind}_{name}"
        self.notes = notes

    def convert(self, values: Mapping[str, Any]) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for key, value in values.items():
            if key not in self.keys:
                self.notes.append(f"{self.place}.{key} is not in the file: scar has no such key.")
            elif key in SECRET_KEYS:
                shown[key] = self._convert_secret(key, value)
            elif key in _ADDRESSES and isinstance(value, str):
                shown[key], login = self._split_address(key, value)
                for part, text in login.items():
                    shown.setdefault(part, self._convert_secret(part, text))
            elif isinstance(value, str | bool | int | None):
                shown[key] = value
            else:
                self.notes.append(f"{self.place}.{key} is not in the file: it is no single value.")
        return shown

    def _convert_secret(self, key: str, value: object) -> object:
        """Return a reference to a variable; the text of a login, which is no secret."""
        if value in (None, ""):
            return value
        if key == _LOGIN and isinstance(value, str) and "${" not in value:
            return value
        variable = re.sub(r"\W", "_", f"{self.prefix}_{key}", flags=re.ASCII).upper()
        self.notes.append(
            f"{self.place}.{key} is read from the variable {variable} by `scar init`: its value is"
            " not in the file."
        )
        return Reference(f"${{env:{variable}}}")

    def _split_address(self, key: str, text: str) -> tuple[str, dict[str, str]]:
        """Return the address without login and query, and the login if the FDL has keys for it."""
        scheme, separator, rest = text.partition("://") if "://" in text else ("", "", text)
        rest = re.split(r"[?#]", rest, maxsplit=1)[0]
        authority, slash, path = rest.partition("/")
        login, at, host = authority.rpartition("@")
        address = f"{scheme}{separator}{host}{slash}{path}"
        if address == text:
            return text, {}
        self.notes.append(
            f"{self.place}.{key} is in the file without the login or query that it had: these may"
            " be secret."
        )
        if not at or _LOGIN not in self.keys:
            return address, {}
        user, _, password = login.partition(":")
        return address, {_LOGIN: unquote(user), _PASSWORD: unquote(password)}
