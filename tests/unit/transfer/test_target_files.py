"""Which file an object becomes: never outside the folder, never two for one."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scar.transfer.location import S3Location
from scar.transfer.target_files import TargetFiles, UnusableKeyError

TARGET = Path("/target")
KEYS = st.lists(st.text("ab/.-!é\0", min_size=1, max_size=6), max_size=12, unique=True)


def assign_all(
    keys: list[str], *, is_case_sensitive: bool = True
) -> tuple[dict[str, Path], dict[str, str]]:
    """Return the files and the reasons, for the keys in S3's order."""
    files = TargetFiles(S3Location("b"), TARGET, is_case_sensitive=is_case_sensitive)
    paths: dict[str, Path] = {}
    reasons: dict[str, str] = {}
    for key in sorted(keys, key=str.encode):
        try:
            paths[key] = files.assign(key)
        except UnusableKeyError as error:
            reasons[key] = error.reason
    return paths, reasons


@given(KEYS)
@example(["a", "a/b"])
@example(["a", "a!", "a/b", "a-/c"])
@example(["a", "a/b", "a/b/c"])
@example(["a/b", "a/b/c/d"])
def test_no_file_is_outside_another_ones_or_a_folder_of_one(keys: list[str]) -> None:
    paths, reasons = assign_all(keys)
    assert len(paths) + len(reasons) == len(keys)
    assert len(set(paths.values())) == len(paths)
    for key, path in paths.items():
        assert PurePosixPath(key).parts == path.relative_to(TARGET).parts
        assert not any(parent in paths.values() for parent in path.parents)
    for key in keys:
        parts = key.split("/")
        if all(part not in ("", ".", "..") and "\0" not in part for part in parts):
            ancestors = ["/".join(parts[:n]) for n in range(1, len(parts))]
            assert (key in paths) == (not any(other in paths for other in ancestors))


def test_names_that_differ_by_case_or_normalization_only_get_one_file() -> None:
    keys = ["A", "a", "\u00e9", "e\u0301", "dir/x", "DIR/X", "stra\u00dfe", "STRASSE"]
    paths, reasons = assign_all(keys, is_case_sensitive=False)
    assert list(paths) == ["A", "DIR/X", "STRASSE", "e\u0301"]
    assert all("does not distinguish it from" in reason for reason in reasons.values())
    assert len(assign_all(keys)[0]) == len(keys)


@pytest.mark.parametrize(
    ("text", "path", "prefix"),
    [
        ("bkt", "", ""),
        ("bkt/", "", ""),
        ("/bkt/in", "in", "in/"),
        ("bkt/in", "in", "in/"),
        ("s3://bkt/in/", "in/", "in/"),
        ("bkt//x", "/x", "/x/"),
        ("bkt//", "/", "/"),
        ("bkt/in//", "in//", "in//"),
        ("bkt/ a", " a", " a/"),
    ],
)
def test_a_location_keeps_slashes_as_written(text: str, path: str, prefix: str) -> None:
    location = S3Location.parse(text)
    assert (location.bucket, location.path, location.prefix) == ("bkt", path, prefix)
    assert location.has_empty_part == ("//" in f"/{prefix}")
