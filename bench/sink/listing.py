"""Folders of equal objects, and the pages that list their keys."""

from __future__ import annotations

import base64
import hashlib
import zlib
from bisect import bisect_left
from dataclasses import dataclass, field
from urllib.parse import quote

PAGE = 1000  # keys of one page of S3, at most
WHOLE = 64 << 20  # larger objects have no checksum of the whole, as multipart uploads
STAMP = "2026-11-29T03:00:00.000Z"
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


@dataclass(frozen=True, slots=True)
class Folder:
    """``count`` objects of ``size`` zero bytes: ``bucket/prefix/0000/0000000``, 100 in a folder."""

    bucket: str
    prefix: str
    count: int
    size: int

    def keys(self) -> list[str]:
        return [f"{self.prefix}/{number // 100:05}/{number:08}" for number in range(self.count)]


@dataclass(frozen=True, slots=True)
class Stored:
    """The properties of an object; ``crc32`` in base64, empty if it has none."""

    size: int
    etag: str
    crc32: str

    @classmethod
    def zeros(cls, size: int) -> Stored:
        """Return the properties of an object of so many zero bytes."""
        if size > WHOLE:
            return cls(size, f"{size:032x}-128", "")
        data = bytes(size)
        etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        return cls(size, etag, base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode())


@dataclass(slots=True)
class Listing:
    """The objects of all folders, and their pages, each made once."""

    folders: tuple[Folder, ...]
    objects: dict[str, dict[str, Stored]] = field(default_factory=dict)
    _keys: dict[str, list[str]] = field(default_factory=dict)
    _pages: dict[tuple[object, ...], bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for folder in self.folders:
            stored = Stored.zeros(folder.size)
            of_bucket = self.objects.setdefault(folder.bucket, {})
            of_bucket.update(dict.fromkeys(folder.keys(), stored))
        self._keys = {bucket: sorted(keys) for bucket, keys in self.objects.items()}

    def find(self, bucket: str, key: str) -> Stored | None:
        return self.objects.get(bucket, {}).get(key)

    def prepare(self) -> None:
        """Make the pages of every whole folder, so that no process has to."""
        for folder in self.folders:
            for encoding in ("", "url"):
                for start in range(0, folder.count, PAGE):
                    token = str(start) if start else ""
                    self.page(folder.bucket, f"{folder.prefix}/", "", token, PAGE, encoding)

    def page(
        self, bucket: str, prefix: str, delimiter: str, token: str, most: int, encoding: str
    ) -> bytes:
        """Return one page; the token is the number of keys of the prefix that came before."""
        parameters = (bucket, prefix, delimiter, token, most, encoding)
        if parameters not in self._pages:
            self._pages[parameters] = self._make(*parameters)
        return self._pages[parameters]

    def _make(
        self, bucket: str, prefix: str, delimiter: str, token: str, most: int, encoding: str
    ) -> bytes:
        keys, objects = self._keys.get(bucket, []), self.objects.get(bucket, {})
        begin = bisect_left(keys, prefix)
        index, entries, folders = begin + int(token or 0), 0, 0
        contents: list[str] = []

        def written(text: str) -> str:
            return quote(text, safe="/") if encoding else text

        while index < len(keys) and keys[index].startswith(prefix) and entries < most:
            key = keys[index]
            end = key.find(delimiter, len(prefix)) if delimiter else -1
            if end >= 0:
                common = key[: end + 1]
                element = f"<Prefix>{written(common)}</Prefix>"
                contents.append(f"<CommonPrefixes>{element}</CommonPrefixes>")
                index = bisect_left(keys, common[:-1] + chr(ord(common[-1]) + 1), index)
                folders += 1
            else:
                contents.append(_entry(written(key), objects[key]))
                index += 1
            entries += 1
        is_truncated = index < len(keys) and keys[index].startswith(prefix)
        more = f"<NextContinuationToken>{index - begin}</NextContinuationToken>"
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<ListBucketResult xmlns="{NAMESPACE}"><Name>{bucket}</Name>'
            f"<Prefix>{written(prefix)}</Prefix><KeyCount>{entries}</KeyCount>"
            f"<MaxKeys>{most}</MaxKeys>"
            + (f"<EncodingType>{encoding}</EncodingType>" if encoding else "")
            + (f"<Delimiter>{delimiter}</Delimiter>" if delimiter else "")
            + f"<IsTruncated>{str(is_truncated).lower()}</IsTruncated>"
            + (more if is_truncated else "")
            + "".join(contents)
            + "</ListBucketResult>"
        ).encode()


def _entry(key: str, stored: Stored) -> str:
    return (
        f"<Contents><Key>{key}</Key><LastModified>{STAMP}</LastModified>"
        f"<ETag>&quot;{stored.etag}&quot;</ETag><Size>{stored.size}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
    )
