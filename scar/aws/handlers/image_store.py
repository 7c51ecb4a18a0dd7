"""The interfaces that deployment needs to build images and to push them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.aws.model.function import Function
    from supervisor.model import FunctionConfig, ImageDefaults


class ImagePusher(Protocol):
    """Pushes built images to the account's registry."""

    def holds(self, repository: str, digest: str) -> bool:
        """Return whether the repository has this manifest, under the tag made of its digest."""

    def push(self, repository: str, digest: str, check: Callable[[], None]) -> None:
        """Push the built image with this digest; raise ScarError if that fails.

        ``check`` is called repeatedly during the upload; an error that it raises cancels it.
        """


class ImageBuilder(ImagePusher, Protocol):
    """Builds the functions' images and holds them until they are pushed."""

    def compose(
        self, function: Function, configure: Callable[[ImageDefaults], FunctionConfig]
    ) -> str:
        """Build the function's image and return its digest; the same input gives the same digest.

        ``configure`` returns the content of ``function.json`` for the defaults of the user's image.
        Raise ScarError, naming the image and where it was looked for, if it is not available.
        """


class _NoImagePusher:
    """For removals, which push no image: images are deleted with their repository."""

    def holds(self, repository: str, digest: str) -> bool:
        del repository, digest
        return False

    def push(self, repository: str, digest: str, check: Callable[[], None]) -> None:
        raise AssertionError(repository, digest, check)


NO_IMAGES = _NoImagePusher()
