"""The commands of examples/cluster do what its README says."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from examples.runner.readme import run_commands
from tests.fakes.local_cloud import ROOT, a_local_cloud, environment
from tests.functional.cluster.conftest import PATH
from tests.functional.cluster.manager_programs import unfinished_jobs
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.local_cloud import LocalCloudProcess

EXAMPLE = ROOT / "examples" / "cluster"


@pytest.fixture
def cloud() -> Iterator[LocalCloudProcess]:
    yield from a_local_cloud("process")


def commands() -> list[list[str]]:
    """Return the README's commands, without those that need Docker.

    The program runs on this machine before the last of them removes the function.
    """
    readme = EXAMPLE / "README.md"
    *run, remove = map(shlex.split, run_commands(readme))
    assert remove == ["scar", "rm", "-f", "cluster.yaml", "--force"]
    assert "```sh\npython demo.py\n```" in readme.read_text()
    return [*run, ["python", "demo.py"], remove]


def adapted_copy(cloud: LocalCloudProcess) -> Path:
    """Return a copy whose image is any archive, with this Python and one worker.

    This machine may run no more than two jobs at once.
    """
    folder = cloud.folder / "example"
    shutil.copytree(EXAMPLE, folder)
    path = folder / "cluster.yaml"
    document = yaml.safe_load(path.read_text())
    (function,) = document["functions"]["aws"]
    function["lambda"]["container"] = {"image_file": str(cloud.folder / "image.tar")}
    variables = {"PATH": PATH, "PYTHONPATH": str(ROOT), "WORKERS": "1"}
    function["batch"]["environment"] = {"Variables": variables}
    path.write_text(yaml.safe_dump(document))
    return folder


def test_the_example_works_as_its_readme_says(cloud: LocalCloudProcess) -> None:
    folder = adapted_copy(cloud)
    programs = {"scar": [sys.executable, "-m", "scar"], "python": [sys.executable]}
    outputs = []
    for program, *arguments in commands():
        if arguments[0] == "rm":
            until(lambda: not unfinished_jobs(cloud, "demo-cluster"))
        done = subprocess.run(
            [*programs[program], *arguments],
            cwd=folder,
            env=environment(cloud.folder)
            | {"SCAR_LOCAL": "1", "WORKERS": "1", "HOME": os.environ["HOME"]},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout)
    for output in outputs[-3:-1]:  # the log of the job, and the program here
        assert "Workers: 1\n" in output
        assert re.search(r"Worker tls://\S+ on \S+\n", output)
        assert f"Sum of the squares: {sum(n * n for n in range(1000))}\n" in output
