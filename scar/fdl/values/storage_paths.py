"""Paths of inputs and outputs, by the kind of their store, and names of stores."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scar.aws.model import limits

if TYPE_CHECKING:
    from pydantic import ValidationInfo

# S3 user guide, "General purpose bucket naming rules".
_BUCKET_NAME = r"(?!.*\.\.)(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
_PROVIDER_NAME = r"[A-Za-z0-9_-]{1,64}"
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)
_BUCKET_KINDS = ("s3", "minio")  # whose paths begin with a bucket


def normalize_storage_path(path: str) -> str:
    if url := _URL.fullmatch(path):
        raise ValueError(_describe_url(url["scheme"].lower(), url["rest"], path))
    bucket, _, folder = path.strip("/").partition("/")
    if not re.fullmatch(_BUCKET_NAME, bucket):
        raise ValueError(
            f"{bucket!r} is not a valid bucket name: 3 to 63 of a-z, 0-9, '.' and '-', "
            "beginning and ending with a letter or digit"
        )
    if len(folder.encode()) > limits.S3_KEY.maximum:
        raise ValueError(f"the folder is longer than {limits.S3_KEY.maximum} bytes")
    if any(part in {"", ".", ".."} for part in folder.split("/") if folder):
        raise ValueError(f"{path!r} has an empty, '.' or '..' part")
    return f"{bucket}/{folder}" if folder else bucket


def _describe_url(scheme: str, rest: str, path: str) -> str:
    """Return what to write instead of a URL of objects in a bucket, or of a whole store."""
    if scheme in (*_BUCKET_KINDS, "s3a", "s3n"):
        return f"{path!r} is a URL: write bucket and folder alone, {rest.strip('/')!r}"
    return (
        f"{path!r} is a URL: write bucket/folder; the address of a store is its endpoint in"
        " storage_providers"
    )


def check_provider_name(name: str) -> str:
    """Check the name of a storage provider, which is a part of the names of parameters."""
    if not re.fullmatch(_PROVIDER_NAME, name):
        raise ValueError(
            f"{name!r} is not a valid name of a storage provider: 1 to 64 letters, digits, '-' and"
            " '_'"
        )
    return name


def normalize_provider(provider: str) -> str:
    """Return a ``storage_provider`` with its kind in lower case: SCAR accepts ``S3`` too."""
    kind, dot, name = provider.partition(".")
    return f"{kind.lower()}{dot}{name}"


def normalize_folder_path(path: str) -> str:
    """Return the path of a folder in a store that has folders, without slashes around it."""
    if _URL.fullmatch(path):
        raise ValueError(
            f"{path!r} is a URL: write the folder in the store, folder/folder; the store's address"
            " is in storage_providers"
        )
    folder = path.strip("/")
    if not folder or any(part in {"", ".", ".."} for part in folder.split("/")):
        raise ValueError(f"{path!r} is not the path of a folder: folder/folder")
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in folder):
        raise ValueError(f"{path!r} has control characters")
    if len(folder.encode()) > limits.S3_KEY.maximum:
        raise ValueError(f"the path is longer than {limits.S3_KEY.maximum} bytes")
    return folder


def check_path_of_store(path: str, info: ValidationInfo) -> str:
    """Check the path of an input or output by its ``storage_provider``; return it normalized."""
    kind = str(info.data.get("storage_provider", "s3")).partition(".")[0]
    return normalize_storage_path(path) if kind in _BUCKET_KINDS else normalize_folder_path(path)


def normalize_read_path(path: str) -> str:
    """Return the path of a folder in S3, which may be written as a URL."""
    return normalize_storage_path(path.removeprefix("s3://"))
