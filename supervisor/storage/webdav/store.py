"""A WebDAV server (Apache, nginx, Nextcloud, dCache…) as ``ports.ObjectStore``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from supervisor.aws.errors import AwsError
from supervisor.aws.request import FileSlice
from supervisor.descriptors import OpenFile
from supervisor.storage.byte_ranges import read_byte_range
from supervisor.storage.http_client import StoreHttpClient
from supervisor.storage.local_files import open_source, open_target
from supervisor.storage.s3_download import DownloadRules, NoChecksum, download_object
from supervisor.storage.s3_errors import object_absent
from supervisor.storage.s3_protocol import parse_object_headers
from supervisor.storage.webdav.api import WebDavApi, is_absent
from supervisor.storage.webdav.folders import FolderMaker
from supervisor.storage.webdav.protocol import split_path, translate_error
from supervisor.storage.webdav.write import WebDavWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from supervisor.model import ObjectRef, StoredObject, VersionPin, WriteCondition
    from supervisor.storage.provider_options import ProviderOptions


def connect(options: ProviderOptions, environ: Mapping[str, str]) -> WebDavStore:
    """Create a store from the provider's options; raise ConfigError. Nothing is sent yet."""
    origin = options.origin("hostname")
    options.warn_if_readable(origin)
    client = StoreHttpClient(
        server=options.name,
        origin=origin,
        connections=options.connections(environ, origin),
        authenticate=_authentication(options),
    )
    api = WebDavApi(client)
    return WebDavStore(api=api, writer=WebDavWriter(api=api, folders=FolderMaker(client)))


def _authentication(options: ProviderOptions) -> Callable[[], Mapping[str, str]]:
    """Return what reads the secrets for a request; raise ConfigError for half of a login."""
    given = options.config.secrets.keys()
    login = {"login", "password"}
    if "token" in given:
        if given & login:
            raise options.error("login and token are both set", "Remove one of them")
        return lambda: {"authorization": f"Bearer {options.secret('token')}"}
    if not given & login:
        return dict
    if missing := login - given:
        raise options.error(f"{missing.pop()} is missing", "Set both login and password")

    def authenticate() -> dict[str, str]:
        from base64 import b64encode

        name = options.secret("login")
        if ":" in name:
            raise options.error(
                "login has a colon", "Basic authentication has no such logins: correct it"
            )
        pair = f"{name}:{options.secret('password')}"
        return {"authorization": f"Basic {b64encode(pair.encode()).decode()}"}

    return authenticate


@dataclass(frozen=True, slots=True, kw_only=True)
class WebDavStore:
    """Adapter of ``ports.ObjectStore``; thread-safe. Bucket and key are the path of a file."""

    api: WebDavApi
    writer: WebDavWriter

    def head(self, ref: ObjectRef) -> StoredObject | None:
        """Return the object's properties; None if it or its folder does not exist."""
        found = self.api.head(self.api.request("HEAD", split_path(ref)), ref)
        return None if found is None else replace(found, metadata=self.api.read_metadata(ref))

    def download(self, ref: ObjectRef, target: Path, *, version: VersionPin) -> StoredObject:
        """Stream the file into ``target``; there is no checksum to verify, only the size."""
        request = self.api.request("GET", split_path(ref))
        rules = DownloadRules(
            etag=version.etag.removeprefix("W/").strip('"'),
            if_match=False,  # a weak ETag never matches
            new_verifier=lambda _headers: NoChecksum(),
        )
        try:
            with open_target(target, ref) as file:
                found = download_object(self.api.client, request, file, ref, rules)
        except AwsError as error:
            if is_absent(error):
                raise object_absent(ref) from error
            raise translate_error(error, ref, "read") from error
        return replace(found, metadata=self.api.read_metadata(ref))

    def read(self, ref: ObjectRef) -> tuple[bytes, StoredObject] | None:
        try:
            response = self.api.client.send(self.api.request("GET", split_path(ref)))
        except AwsError as error:
            if is_absent(error):
                return None
            raise translate_error(error, ref, "read") from error
        found = parse_object_headers(response.headers, size=len(response.body))
        return response.body, replace(found, metadata=self.api.read_metadata(ref))

    def read_range(self, ref: ObjectRef, first: int, length: int) -> bytes | None:
        request = self.api.request("GET", split_path(ref))
        try:
            return read_byte_range(self.api.client.send, request, first, length)
        except AwsError as error:
            if is_absent(error):
                return None
            raise translate_error(error, ref, "read") from error

    def write(
        self,
        ref: ObjectRef,
        data: bytes,
        *,
        condition: WriteCondition | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> StoredObject:
        return self.writer.put(ref, data, condition, metadata or {})

    def upload(
        self,
        source: Path | OpenFile,
        ref: ObjectRef,
        *,
        condition: WriteCondition | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> StoredObject:
        if isinstance(source, OpenFile):
            return self.writer.put(
                ref, FileSlice(source, 0, source.size), condition, metadata or {}
            )
        with open_source(source) as file:
            return self.upload(file, ref, condition=condition, metadata=metadata)

    def delete(self, ref: ObjectRef) -> None:
        """Delete a file, or one that does not exist."""
        try:
            self.api.client.send(self.api.request("DELETE", split_path(ref)))
        except AwsError as error:
            if not is_absent(error):
                raise translate_error(error, ref, "delete") from error

    def close(self) -> None:
        """Close idle connections; the store can still be used."""
        self.api.client.connections.close()
