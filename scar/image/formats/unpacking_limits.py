"""Limits on what images unpack to: bytes in all, compression ratio, entries of a tar archive."""

from __future__ import annotations

from dataclasses import dataclass

from scar.image.errors import ImageTooLargeError

# AWS Lambda quotas, "Container image code package size": 10 GB uncompressed, all layers together.
# Batch has no such limit, but both services run the same image.
MAX_UNPACKED_SIZE = 10 << 30
# Files of software compress to a tenth, rarely to a hundredth. Data that is larger than
# RATIO_FREE_SIZE and compresses better than this is a decompression bomb, or zeros.
MAX_RATIO = 500
RATIO_FREE_SIZE = 1 << 30
MAX_ENTRIES = 1_000_000  # files and folders of an image: an inode each

_REMEDY = "Use a smaller image; the script can read large data from a bucket instead."


@dataclass(slots=True)
class UnpackedSize:
    """Adds up the unpacked bytes of one image or one archive, and ends at the limit.

    ``subject`` begins the error's sentence, such as "The image archive".
    """

    subject: str
    limit: int = MAX_UNPACKED_SIZE
    total: int = 0

    def add(self, count: int) -> None:
        """Add bytes; raise ImageTooLargeError if the sum exceeds the limit."""
        self.total += count
        if self.total > self.limit:
            raise too_large_error(self.subject, self.limit)

    def check_ratio(self, packed: int, unpacked: int) -> None:
        """Raise ImageTooLargeError if compressed data expands as a decompression bomb does."""
        if unpacked > RATIO_FREE_SIZE and unpacked > MAX_RATIO * packed:
            raise ImageTooLargeError(
                f"{self.subject} contains a decompression bomb: {packed:,} compressed bytes expand"
                f" to more than {unpacked >> 20:,} MiB.",
                remedy="Do not use this image. If it is yours, leave out the file of zeros.",
            )


def too_large_error(subject: str, size: int) -> ImageTooLargeError:
    """Return the error for something of this size in bytes, or more."""
    return ImageTooLargeError(
        f"{subject} has {size / (1 << 30):.1f} GiB unpacked or more; AWS Lambda allows"
        f" {MAX_UNPACKED_SIZE >> 30} GiB for an image.",
        remedy=_REMEDY,
    )
