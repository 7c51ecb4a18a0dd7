"""Images of functions: composed from FDL's image and script, pushed to the account's registry."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.errors import ConfigurationError
from scar.image.compose import compose
from scar.image.model import no_image
from scar.image.registry import Login, Repository, push
from scar.image.source import open_source
from supervisor.config import dump

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from scar.aws.connection import Connection
    from scar.aws.function import Function
    from scar.image.blobs import BlobCache
    from scar.image.compose import ComposedImage
    from scar.image.model import BaseImage
    from scar.image.source import ImageStore
    from supervisor.model import FunctionConfig, ImageDefaults


@dataclass(slots=True, kw_only=True)
class FunctionImages:
    """Composes images and remembers them until they are pushed; an ``images.Images``.

    ``bundle`` finds the supervisor of an architecture; ``stores`` are asked for images that
    are not given as files.
    """

    connection: Connection
    bundle: Callable[[str], Path]
    cache: BlobCache
    stores: Sequence[ImageStore]
    report: Callable[[str], None]
    _composed: dict[str, ComposedImage] = field(default_factory=dict, init=False)
    _login: Login | None = field(default=None, init=False)
    _endpoint: str = field(default="", init=False)

    def compose(
        self, function: Function, configure: Callable[[ImageDefaults], FunctionConfig]
    ) -> str:
        """Return the digest of the function's image; same input, same digest.

        A function without an image of its own is the supervisor alone.
        """
        base = self._base(function)
        image = compose(
            base,
            self.bundle(function.architecture),
            dump(configure(base.defaults)),
            _read(function.script) if function.script else None,
        )
        self._composed[image.digest] = image
        return image.digest

    def _base(self, function: Function) -> BaseImage:
        if not function.image_name:
            return no_image(function.architecture)
        return open_source(
            function.image,
            function.image_file,
            architecture=function.architecture,
            cache=self.cache,
            stores=self.stores,
        )

    def holds(self, repository: str, digest: str) -> bool:
        """Say whether the repository has this manifest."""
        with self._open(repository) as opened:
            return opened.has_manifest(digest)

    def push(self, repository: str, digest: str) -> None:
        """Push the composed image of that digest."""
        with self._open(repository) as opened:
            push(self._composed[digest], opened, self.report)

    def _open(self, repository: str) -> Repository:
        if self._login is None:
            granted = self.connection.client("ecr").get_authorization_token()
            data = granted["authorizationData"][0]
            user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
            self._endpoint = data["proxyEndpoint"]  # before the login: others read both
            self._login = Login(user, password)
        return Repository(self._endpoint, repository, self._login)


def _read(script: Path) -> bytes:
    try:
        return script.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"The script {script} cannot be read: {error.strerror}.",
            remedy="Correct init_script; it is looked for next to the FDL file.",
        ) from error
