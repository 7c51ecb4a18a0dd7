"""A cluster whose workers run in sandboxes, from an image with dask, as the image's user."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.containers.dask_image import write_dask_image
from tests.fakes.local_cloud import a_local_cloud, function
from tests.functional.cluster.manager_programs import run_program, unfinished_jobs
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess

pytestmark = pytest.mark.container


@pytest.fixture
def cloud() -> Iterator[LocalCloudProcess]:
    for cloud in a_local_cloud("sandbox"):
        write_dask_image(cloud.folder / "dask.tar")
        cloud.deploy(
            function(
                "boxes",
                image="dask.tar",
                script="",
                execution_mode="batch",
                batch={
                    "cluster": True,
                    "memory": 1024,
                    "compute_resources": {"max_v_cpus": 2},
                },
            )
        )
        yield cloud


def test_workers_in_sandboxes_have_the_images_user_and_see_no_key(cloud: LocalCloudProcess) -> None:
    (line,) = run_program(
        cloud,
        """
        def look():
            import os
            from pathlib import Path
            own = Path("/proc/self")
            words = (own / "cmdline").read_bytes() + (own / "environ").read_bytes()
            keys = [path.stat().st_mode & 0o777 for path in Path.cwd().parent.rglob("key.pem")]
            return os.getuid(), "PRIVATE" in words.decode(), keys

        with BatchCluster("boxes", 2) as cluster, cluster.get_client() as client:
            report(seen=list(client.run(look).values()))
        """,
    )
    seen = json.loads(line)["seen"]
    assert len(seen) == 2
    for user, has_key, modes in seen:
        assert (user, has_key) == (1234, False)
        assert set(modes) <= {0o600}
    until(lambda: not unfinished_jobs(cloud, "boxes"))
