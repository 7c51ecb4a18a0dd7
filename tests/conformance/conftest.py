"""The engines of this machine, and the stores, one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance.engine_harness import ENGINE_HARNESSES
from tests.conformance.object_store_endpoints import ENDPOINTS
from tests.conformance.sandbox_starter import SandboxStarter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conformance.object_store_endpoints import S3Endpoint


@pytest.fixture(scope="module", params=sorted(ENDPOINTS))
def endpoint(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[S3Endpoint]:
    """A running store; tests of some stores name them in ``parametrize``, with ``indirect``."""
    with ENDPOINTS[request.param](tmp_path_factory.mktemp("endpoint")) as running:
        yield running


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
