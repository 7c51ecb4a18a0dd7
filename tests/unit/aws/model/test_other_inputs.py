"""Inputs on other stores: their text, their tags, and which names are theirs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.model import limits
from scar.aws.model.other_inputs import OtherInput, read_other_inputs
from scar.aws.model.tags import is_tag_text

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@given(TEXT, st.one_of(st.just(""), TEXT))
def test_every_folder_and_suffix_is_the_value_of_a_tag(path: str, suffix: str) -> None:
    folder = OtherInput("minio.lab", path, suffix)
    assert is_tag_text(folder.to_tag())
    assert folder.to_tag().strip() == folder.to_tag()
    assert OtherInput.parse_tag(folder.to_tag()) == folder


@pytest.mark.parametrize("path", ["bucket/" + "a" * 1024, "bucket/" + "ü" * 500])
def test_a_long_path_is_shortened(path: str) -> None:
    value = OtherInput("minio.lab", path, ".csv").to_tag()
    assert limits.TAG_VALUE.allows(len(value))
    found = OtherInput.parse_tag(value)
    assert found is not None
    assert found.suffix == ".csv"
    assert found.path.endswith("…")
    assert path.startswith(found.path[:-1])
    assert len(found.path) > 30


def test_a_long_suffix_leaves_no_room_for_the_path() -> None:
    value = OtherInput("minio.lab", "bucket/in", "ü" * 500).to_tag()
    assert limits.TAG_VALUE.allows(len(value))
    found = OtherInput.parse_tag(value)
    assert found is not None
    assert found.path == "…"


def test_the_tags_of_a_function_name_its_inputs() -> None:
    tags = {
        "scar:other-inputs-2": "minio.lab photos/in .csv",
        "scar:other-inputs-1": "minio.lab a",
        "scar:other-inputs-3": "damaged",
        "scar:buckets-1": "photos",
    }
    assert [str(one) for one in read_other_inputs(tags)] == [
        "minio.lab:a",
        "minio.lab:photos/in/*.csv",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("photos/in", True),
        ("photos/in/", True),
        ("s3://photos/in/a.jpg", True),
        ("minio.lab:photos/in/2026", True),
        ("minio.site:photos/in", False),
        ("photos", False),
        ("photos/inner", False),
        ("photos/out", False),
    ],
)
def test_a_name_is_in_the_folder_or_not(text: str, expected: bool) -> None:
    assert OtherInput("minio.lab", "photos/in").has(text) is expected
