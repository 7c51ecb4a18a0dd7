"""What can go wrong with an image.

ScarError
└── ImageError             the image cannot be used as it is
    ├── ImageNotFound      no source has it; the message says what was tried
    └── RegistryError      the registry refused, or could not be reached
"""

from __future__ import annotations

from scar.errors import ScarError


class ImageError(ScarError):
    """The image cannot be used as it is."""


class ImageNotFoundError(ImageError):
    """No source has the image."""


class RegistryError(ImageError):
    """The registry refused, with an HTTP ``status``, or could not be reached (0)."""

    def __init__(self, problem: str, *, remedy: str, status: int = 0) -> None:
        super().__init__(problem, remedy=remedy)
        self.status = status
