"""Makes the folders of a WebDAV server that a file is written to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from supervisor.aws.errors import AwsErrorResponse
from supervisor.aws.request import AwsRequest

if TYPE_CHECKING:
    from supervisor.storage.http_client import StoreHttpClient

# Folders that are remembered; a run with more of them asks again.
MAX_KNOWN = 10_000


@dataclass(frozen=True, slots=True)
class FolderMaker:
    """Makes folders with MKCOL; thread-safe, and several processes may make the same folder."""

    client: StoreHttpClient
    _known: set[tuple[str, ...]] = field(default_factory=set)

    def make(self, folder: tuple[str, ...], *, again: bool = False) -> None:
        """Make a folder and those above it; raise AwsError. ``again``: forget what is known."""
        if again:
            self._known.clear()
        # From the folder upwards, as most exist: one request is enough then.
        missing: list[tuple[str, ...]] = []
        for depth in range(len(folder), 0, -1):
            path = folder[:depth]
            if path in self._known or self._make_one(path):
                break
            missing.append(path)
        for path in reversed(missing):
            if not self._make_one(path):
                raise AwsErrorResponse(
                    409,
                    "",
                    f"the folder above {'/'.join(path)} does not exist",
                    server=self.client.server,
                )

    def _make_one(self, path: tuple[str, ...]) -> bool:
        """Make one folder; return False if the one above it is missing."""
        try:
            self.client.send(self._request("MKCOL", path))
        except AwsErrorResponse as error:
            if error.status in (404, 409):
                return False
            # 405: it exists, or another process has made it at this moment. Some servers return
            # 403 for an existing folder above which the user may not write.
            if error.status != 405 and not (error.status in (301, 403) and self._exists(path)):
                raise
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known.add(path)
        return True

    def _exists(self, path: tuple[str, ...]) -> bool:
        request = self._request("PROPFIND", path, {"depth": "0"})
        try:
            self.client.send(request)
        except AwsErrorResponse:
            return False
        return True

    def _request(
        self, method: str, path: tuple[str, ...], headers: dict[str, str] | None = None
    ) -> AwsRequest:
        return AwsRequest(
            method=method,
            origin=self.client.origin,
            path=f"/{'/'.join(path)}/",
            headers=headers or {},
        )
