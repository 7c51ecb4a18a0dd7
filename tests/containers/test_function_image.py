"""Built images run in real containers, deployed and invoked as users do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from scar.image.compose.tree_images import write_docker_archive
from supervisor.model import ImageDefaults
from tests.fakes.local_cloud import a_local_cloud, busybox_tree, function
from tests.fakes.script_fault_tests import IN_BATCH
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess

pytestmark = pytest.mark.container

OWN_PROGRAM = 'echo "$SCAR_SITE $OWN $PWD $1" >"$TMP_OUTPUT_DIR/own-$SCAR_SITE"'
LOOK = """
echo "user $(id -u):$(id -g)"
echo "first $(tr '\\0' ' ' </proc/1/cmdline)"
grep CapEff /proc/self/status
[ -e /dev/shm ] && echo "shm there" || echo "shm none"
touch /root-file 2>/dev/null && echo "root writable" || echo "root read-only"
touch /tmp/file && echo "tmp writable"
echo "home $PYTHONHOME preload $LD_PRELOAD"
"""


class ComposedImages:
    engine: ClassVar[str]

    @pytest.fixture(scope="class")
    @classmethod
    def cloud(cls) -> Iterator[LocalCloudProcess]:
        for cloud in a_local_cloud(cls.engine):
            run = ImageDefaults(
                entrypoint=("/bin/sh", "-c", OWN_PROGRAM),
                command=("zero", "first"),
                environment={
                    "PATH": "/usr/bin:/bin",
                    "OWN": "mine",
                    "PYTHONHOME": "/bogus",
                    "LD_PRELOAD": "/bogus.so",
                },
                user="worker",
                workdir="/bin",
            )
            write_docker_archive(cloud.folder / "user.tar", "user:1", [busybox_tree()], run)
            in_batch: dict[str, Any] = {"execution_mode": "batch", "batch": IN_BATCH}
            cloud.deploy(
                function("here", image="user.tar"),
                function("jobs", image="user.tar", **in_batch),
                function("own", image="user.tar", script=""),
                function("ownjobs", image="user.tar", script="", **in_batch),
            )
            yield cloud

    def test_lambda_runs_it_unprivileged_on_a_read_only_root(
        self, cloud: LocalCloudProcess
    ) -> None:
        lines = cloud.invoke("here", LOOK).output.splitlines()
        assert not lines[0].startswith(("user 0:", "user 1234:")), lines
        assert "/opt/scar/" in lines[1]
        assert lines[2].split() == ["CapEff:", "0" * 16]
        assert lines[3:6] == ["shm none", "root read-only", "tmp writable"]

    def test_batch_drops_to_the_images_user_below_a_supervisor_as_process_1(
        self, cloud: LocalCloudProcess
    ) -> None:
        key = cloud.put("jobs", f'{{ {LOOK} }} >"$TMP_OUTPUT_DIR/look"')
        assert cloud.job_ended("jobs", key)["status"] == "SUCCEEDED", cloud.log("jobs")
        lines = cloud.read("out/jobs/look").splitlines()
        assert lines[0] == "user 1234:1235"
        assert "/opt/scar/" in lines[1]
        assert lines[2].split() == ["CapEff:", "0" * 16]

    def test_wrong_variables_of_the_image_reach_the_script_alone(
        self, cloud: LocalCloudProcess
    ) -> None:
        answer = cloud.invoke("here", 'echo "$PYTHONHOME $LD_PRELOAD $OWN"')
        assert answer.output.splitlines()[-1] == "/bogus /bogus.so mine"
        assert not answer.error

    def test_without_a_script_the_images_own_program_runs(self, cloud: LocalCloudProcess) -> None:
        cloud.put("own", "anything")
        cloud.put("ownjobs", "anything")
        assert cloud.read("out/own/own-lambda") == "lambda mine /bin first\n"
        assert cloud.read("out/ownjobs/own-batch") == "batch mine /bin first\n"
        until(lambda: cloud.jobs("ownjobs")[0]["status"] == "SUCCEEDED")


class TestComposedImagesInDocker(ComposedImages):
    engine = "docker"


class TestComposedImagesInSandboxes(ComposedImages):
    engine = "sandbox"
