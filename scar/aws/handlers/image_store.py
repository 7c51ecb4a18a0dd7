"""What deployment asks of those who compose and push images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from scar.aws.handlers.ecr import ImageStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.aws.model.function import Function
    from supervisor.model import FunctionConfig, ImageDefaults


class Images(ImageStore, Protocol):
    """Composes the functions' images and keeps them until they are pushed."""

    def compose(
        self, function: Function, configure: Callable[[ImageDefaults], FunctionConfig]
    ) -> str:
        """Return the digest of the function's image; same input, same digest.

        ``configure`` turns what the user's image says into the content of function.json.
        Raise ScarError, naming the image and what was tried, if it cannot be had.
        """
