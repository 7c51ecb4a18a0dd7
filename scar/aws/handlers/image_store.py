"""What deployment asks of those who compose and push images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.aws.model.function import Function
    from supervisor.model import FunctionConfig, ImageDefaults


class ImagePusher(Protocol):
    """Where composed images are pushed to."""

    def holds(self, repository: str, digest: str) -> bool:
        """Say whether the repository has this manifest, under its own tag."""

    def push(self, repository: str, digest: str, check: Callable[[], None]) -> None:
        """Push the composed image of that digest; raise ScarError if that fails.

        ``check`` is called again and again meanwhile; what it raises ends the push.
        """


class ImageBuilder(ImagePusher, Protocol):
    """Composes the functions' images and keeps them until they are pushed."""

    def compose(
        self, function: Function, configure: Callable[[ImageDefaults], FunctionConfig]
    ) -> str:
        """Return the digest of the function's image; same input, same digest.

        ``configure`` turns what the user's image says into the content of function.json.
        Raise ScarError, naming the image and what was tried, if it cannot be had.
        """


class _NoImagePusher:
    """Removing looks for no image and pushes none: they go with their repository."""

    def holds(self, repository: str, digest: str) -> bool:
        del repository, digest
        return False

    def push(self, repository: str, digest: str, check: Callable[[], None]) -> None:
        raise AssertionError(repository, digest, check)


NO_IMAGES = _NoImagePusher()
