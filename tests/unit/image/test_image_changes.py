"""What differs between two images of a function is said in the words of the FDL."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from scar.image.compose.image_changes import describe_image_changes
from scar.image.errors import ImageError
from scar.image.formats.blobs import Blob
from scar.image.formats.layer import ImageLayer, LayerFile, build_layer

if TYPE_CHECKING:
    from typing import Any

BASE = build_layer({"bin/x": LayerFile(b"x")})
SUPERVISOR = build_layer({"opt/scar/launch": LayerFile(b"1")})
SETTINGS: dict[str, Any] = {"script": "s.sh", "mode": "lambda", "image": {"user": ""}, "memory": 1}


def function_layer(settings: dict[str, Any], **files: bytes) -> ImageLayer:
    tree = {"opt/scar/function/function.json": LayerFile(json.dumps(settings).encode())}
    for name, data in files.items():
        tree[f"opt/scar/function/{name.replace('_', '.')}"] = LayerFile(data)
    return build_layer(tree)


FUNCTION = function_layer(SETTINGS, s_sh=b"#!/bin/sh", data_csv=b"1")
OLD = (BASE, SUPERVISOR, FUNCTION)
OTHER = build_layer({"y": LayerFile(b"y")})

CHANGES: dict[str, tuple[tuple[ImageLayer, ...], tuple[str, ...]]] = {
    "nothing but labels": (OLD, ("image configuration",)),
    "base": ((OTHER, SUPERVISOR, FUNCTION), ("base image",)),
    "one more base layer": ((BASE, OTHER, SUPERVISOR, FUNCTION), ("base image",)),
    "supervisor": ((BASE, OTHER, FUNCTION), ("supervisor",)),
    "script": (
        (BASE, SUPERVISOR, function_layer(SETTINGS, s_sh=b"#!/bin/bash", data_csv=b"1")),
        ("script s.sh",),
    ),
    "another script": (
        (
            *(BASE, SUPERVISOR),
            function_layer({**SETTINGS, "script": "t.sh"}, t_sh=b"#!/bin/sh", data_csv=b"1"),
        ),
        ("script t.sh",),
    ),
    "no script any more": (
        (BASE, SUPERVISOR, function_layer({**SETTINGS, "script": ""}, data_csv=b"1")),
        ("script s.sh",),
    ),
    "payload": (
        (BASE, SUPERVISOR, function_layer(SETTINGS, s_sh=b"#!/bin/sh", data_csv=b"2")),
        ("extra_payload",),
    ),
    "settings": (
        (
            *(BASE, SUPERVISOR),
            function_layer(
                {**SETTINGS, "memory": 2, "mode": "batch"}, s_sh=b"#!/bin/sh", data_csv=b"1"
            ),
        ),
        ("settings (memory, mode)",),
    ),
    "all": (
        (
            *(OTHER, OTHER),
            function_layer({**SETTINGS, "image": {"user": "me"}}, s_sh=b"2", data_csv=b"1"),
        ),
        ("base image", "supervisor", "script s.sh", "settings of the base image"),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_kind_of_change_is_named(name: str) -> None:
    new, expected = CHANGES[name]
    assert describe_image_changes(OLD, new) == expected


def test_function_layers_that_are_equal_are_not_read() -> None:
    class Unread:
        def open(self) -> Any:  # noqa: ANN401 - never returns
            raise AssertionError

    unread = replace(FUNCTION, blob=Blob(digest="sha256:0", size=1, data=Unread()))
    assert describe_image_changes((BASE, SUPERVISOR, unread), (OTHER, SUPERVISOR, unread)) == (
        "base image",
    )


def test_an_image_that_scar_did_not_compose_is_an_error() -> None:
    for old in (
        (BASE,),
        (BASE, SUPERVISOR, replace(FUNCTION, diff_id="x", blob=Blob.from_bytes(b"x"))),
    ):
        with pytest.raises(ImageError):
            describe_image_changes(old, OLD)
