"""A warm sandbox serves a function only as long as the function is configured the same."""

from __future__ import annotations

from dataclasses import replace

from scar.local.lambda_.model import DeployedFunction

FUNCTION = DeployedFunction(
    name="f", arn="arn:aws:lambda:r:1:function:f", memory_mb=1, timeout=1, image_uri="i"
)


def test_another_file_system_needs_another_sandbox() -> None:
    mounting = replace(FUNCTION, file_systems=(("arn", "/mnt/a"),))
    assert mounting.sandbox_key != FUNCTION.sandbox_key
    assert replace(mounting, file_systems=()).sandbox_key == FUNCTION.sandbox_key
