"""The engines of this machine, one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance.engine_harness import ENGINE_HARNESSES
from tests.conformance.sandbox_starter import SandboxStarter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(
    params=[
        pytest.param(name, marks=[] if name == "process" else pytest.mark.container)
        for name in sorted(ENGINE_HARNESSES)
    ]
)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SandboxStarter]:
    harness = ENGINE_HARNESSES[request.param](tmp_path)
    bench = SandboxStarter(harness)
    yield bench
    for sandbox in bench.started:
        sandbox.close()
    harness.close()
