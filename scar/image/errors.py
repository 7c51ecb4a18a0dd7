"""The exceptions of scar.image.

ScarError
└── ImageError                 the image cannot be used as it is
    ├── ImageNotFoundError     no source has it; the message lists the sources
    ├── ImageTooLargeError     it exceeds Lambda's limit, or expands as a decompression bomb does
    ├── NotAnImageError        the file is something else, such as a root file system
    └── RegistryError          the registry returned an error, or could not be reached
        └── RegistryUnreachableError
"""

from __future__ import annotations

from scar.errors import ScarError


class ImageError(ScarError):
    """The image cannot be used as it is.

    Names, platforms and messages of images and registries come from strangers: control characters
    in them are escaped, since they could write to the terminal's title or move its cursor.
    """

    def __init__(self, problem: str, *, remedy: str) -> None:
        super().__init__(_escape(problem), remedy=_escape(remedy))


class ImageNotFoundError(ImageError):
    """No source has the image."""


class ImageTooLargeError(ImageError):
    """The unpacked image exceeds Lambda's limit, or is a decompression bomb."""


class NotAnImageError(ImageError):
    """The file is not an image archive; the message says what it is."""


class RegistryError(ImageError):
    """The registry returned an error or invalid data, or could not be reached.

    ``status`` is the HTTP status of an error response, else 0.
    """

    def __init__(self, problem: str, *, remedy: str, status: int = 0) -> None:
        super().__init__(problem, remedy=remedy)
        self.status = status


class RegistryUnreachableError(RegistryError):
    """No connection to the registry or its token service was made, or it broke."""


def _escape(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
