"""A local cloud with a function whose jobs may form clusters; its Python is that of the tests."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fakes.local_cloud import a_local_cloud, function

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess

# The process engine runs the programs of this machine, whatever the image.
PATH = f"{Path(sys.executable).parent}:{os.defpath}"


def cluster_function(name: str, **batch: object) -> dict[str, object]:
    """Return a function of which two jobs run at once: on any machine, a third one waits."""
    return function(
        name,
        execution_mode="batch",
        batch={
            "cluster": True,
            "memory": 512,
            "environment": {"Variables": {"PATH": PATH}},
            "compute_resources": {"max_v_cpus": 2},
            **batch,
        },
    )


@pytest.fixture(scope="package")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloudProcess]:
    bare = tmp_path_factory.mktemp("bare")
    python = bare / "python3"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    yield from a_local_cloud(
        "process",
        cluster_function("grid"),
        cluster_function("alone"),  # nothing but clusters: it never has runs
        cluster_function("runs", cluster=False),
        # Its name begins with that of another one and "-cluster-".
        cluster_function("grid-cluster-x", scheduling={"share": "teamA", "priority": 5}),
        # A Python without packages.
        cluster_function("bare", environment={"Variables": {"PATH": f"{bare}:{os.defpath}"}}),
    )
