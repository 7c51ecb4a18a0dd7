"""Disks: sizes and speeds that EBS refuses, instance stores, and user data."""

from __future__ import annotations

import email
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.ec2.models.instance_types import INSTANCE_TYPES

from scar.aws.model.disks import instance_stores
from scar.aws.model.disks.ebs_volumes import VOLUME_TYPES, volume_problems
from scar.aws.model.disks.user_data import (
    INSTANCE_STORE_SCRIPT,
    unwrap_multipart,
    with_instance_store,
    wrap_in_multipart,
)
from scar.aws.model.instance_types import instance_families
from scar.aws.model.resources import LaunchTemplate
from scar.aws.requests.launch_template_requests import (
    launch_template_request,
    parse_launch_template,
)
from scar.fdl.batch_rules import check_batch
from scar.fdl.model import AwsFunction, DiskSpec

if TYPE_CHECKING:
    from pathlib import Path

    from scar.aws.model.disks.ebs_volumes import RootVolumeType


def problems(disk: object, **compute: object) -> list[str]:
    function = AwsFunction.model_validate(
        {
            "lambda": {"name": "crop", "execution_mode": "batch"},
            "batch": {"memory": 2048, "compute_resources": {"disk": disk, **compute}},
        }
    )
    found = check_batch(function, ())
    return [f"{'.'.join(map(str, where[2:]))}: {text}" for where, text in found]


def test_a_size_is_a_disk_of_that_size() -> None:
    function: Any = {"lambda": {"name": "crop"}, "batch": {"compute_resources": {"disk": "500"}}}
    disk = AwsFunction.model_validate(function).batch.compute_resources.disk
    assert disk == DiskSpec(size=500)


@pytest.mark.parametrize(
    ("disk", "said"),
    [
        ({"size": 65_537}, "disk.size: a gp3 volume has 1 to 65,536 GiB"),
        ({"size": 16_385, "type": "gp2"}, "disk.size: a gp2 volume has 1 to 16,384 GiB"),
        ({"size": 29}, "disk.size: the root volume has 30 GiB or more"),
        ({"size": 5, "type": "io2", "iops": 100}, "disk.size: the root volume has 30 GiB or more"),
        ({"type": "io2"}, "disk.type: io2 needs iops"),
        ({"type": "gp2", "iops": 3000}, "disk.iops: cannot be chosen for gp2"),
        ({"iops": 100}, "disk.iops: a gp3 volume has 3,000 to 80,000 IOPS"),
        ({"size": 30, "iops": 20000}, "need a size of 40 GiB"),
        ({"throughput": 100}, "disk.throughput: a gp3 volume has 125 to 2,000 MiB/s"),
        ({"throughput": 1000}, "need iops: 4000"),
        ({"type": "gp2", "throughput": 125}, "disk.throughput: cannot be chosen for gp2"),
        ({"instance_store": True}, "instances of optimal have no NVMe instance store"),
    ],
)
def test_what_ebs_refuses_is_refused_with_the_remedy(disk: object, said: str) -> None:
    (problem,) = problems(disk)
    assert said in problem


@pytest.mark.parametrize(
    "disk",
    [
        {"size": 30, "iops": 15000},
        {"size": 500, "type": "gp3", "iops": 6000, "throughput": 500},
        {"size": 100, "type": "io1", "iops": 5000},
        {"type": "io2", "iops": 100},
        {"throughput": 750},
    ],
)
def test_disks_that_ebs_accepts_are_accepted(disk: object) -> None:
    assert problems(disk) == []


@pytest.mark.parametrize("key", ["type", "iops", "throughput", "instance_store"])
def test_fargate_has_a_size_only(key: str) -> None:
    value = {"type": "io1", "iops": 3000, "throughput": 125, "instance_store": True}[key]
    (problem,) = problems({"size": 30, key: value}, type="FARGATE")
    assert problem.startswith(f"disk.{key}: Fargate")


def test_instance_stores_need_types_that_have_them() -> None:
    stores = {"instance_store": True}
    assert problems(stores, instance_types=["c6id", "m5d.large", "zz9d"]) == []
    (problem,) = problems(stores, instance_types=["c6id", "m5.large"])
    assert "instances of m5.large have no NVMe" in problem


def test_the_families_with_instance_stores_are_those_of_ec2() -> None:
    expected = {"g4ad"}
    for family, types in instance_families().items():
        known = [INSTANCE_TYPES[t.name] for t in types if t.name in INSTANCE_TYPES]
        nvme = [
            t.get("InstanceStorageInfo", {}).get("NvmeSupport") in ("required", "supported")
            for t in known
        ]
        if nvme and all(nvme):
            expected.add(family)
    assert expected == instance_stores._NVME_FAMILIES


@given(
    st.sampled_from(sorted(VOLUME_TYPES)),
    st.integers(0, 70_000),
    st.integers(0, 300_000),
    st.integers(0, 3_000),
)
def test_an_accepted_volume_is_within_all_limits_and_is_read_back(
    kind: RootVolumeType, size: int, iops: int, throughput: int
) -> None:
    if [*volume_problems(kind, size, iops, throughput)]:
        return
    limits = VOLUME_TYPES[kind]
    assert not size or limits.size.allows(size)
    assert not iops or (limits.iops and limits.iops.allows(iops))
    assert throughput * 4 <= max(iops, 3_000)
    template = LaunchTemplate(
        name="x", disk_gib=size, disk_type=kind, disk_iops=iops, disk_throughput=throughput,
        metadata_tokens="required",
    )  # fmt: skip
    request: Any = launch_template_request(template)
    assert parse_launch_template(request) == template


# --- user data ---

SCRIPT = "#!/bin/sh\necho mine\n"
CONFIG = (
    'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n\n'
    "--b\nContent-Type: text/cloud-config\n\npackages: [fuse]\n"
    "--b\nContent-Type: text/x-shellscript\n\n#!/bin/sh\necho two\n--b--\n"
)


@pytest.mark.parametrize(
    ("own", "types"),
    [
        ("", ["text/x-shellscript"]),
        (SCRIPT, ["text/x-shellscript", "text/x-shellscript"]),
        (CONFIG, ["text/x-shellscript", "text/cloud-config", "text/x-shellscript"]),
        (SCRIPT + "# --==SCAR-PARTS==\n", ["text/x-shellscript", "text/x-shellscript"]),
    ],
)
def test_the_user_s_parts_follow_that_of_the_instance_store(own: str, types: list[str]) -> None:
    text = wrap_in_multipart(with_instance_store(own))
    message = email.message_from_string(text)
    parts = [p for p in message.walk() if not p.is_multipart()]
    assert [p.get_content_type() for p in parts] == types
    assert str(parts[0].get_payload()).strip() == INSTANCE_STORE_SCRIPT.strip()
    template = LaunchTemplate(name="x", user_data=with_instance_store(own))
    request: Any = launch_template_request(template)
    assert parse_launch_template(request) == template
    assert unwrap_multipart(text) == with_instance_store(own)


def test_the_limit_of_user_data_counts_the_parts_of_scar(tmp_path: Path) -> None:
    boot = tmp_path / "boot.sh"
    boot.write_text("#!/bin/sh\n" + "#" * 15_900)
    compute = {"user_data": str(boot), "instance_types": ["c6id"]}
    assert problems({}, **compute) == []
    (problem,) = problems({"instance_store": True}, **compute)
    assert "EC2's limit is 16384" in problem


def run_script(tmp_path: Path, stores: int) -> list[str]:
    """Run the part on a machine of stubs with so many NVMe disks; return the calls."""
    tools = tmp_path / "bin"
    tools.mkdir()
    calls = tmp_path / "calls"
    calls.touch()
    listed = "".join(
        f"echo '/dev/nvme{n + 1}n1 Amazon EC2 NVMe Instance Storage'\n" for n in range(stores)
    )
    (tools / "lsblk").write_text(
        f"#!/bin/sh\necho '/dev/nvme0n1 Amazon Elastic Block Store'\n{listed}"
    )
    for name in ("mdadm", "mkfs.xfs", "mkdir", "mount", "systemctl"):
        (tools / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {calls}\n')
    for tool in tools.iterdir():
        tool.chmod(0o755)
    subprocess.run(
        ["/bin/bash", "-c", INSTANCE_STORE_SCRIPT],
        check=True,
        env={"PATH": f"{tools}:/usr/bin:/bin"},
    )
    return calls.read_text().splitlines()


def test_an_instance_without_stores_is_unchanged(tmp_path: Path) -> None:
    assert run_script(tmp_path, 0) == []


def test_one_store_is_used_as_it_is(tmp_path: Path) -> None:
    calls = run_script(tmp_path, 1)
    assert calls[0] == "mkfs.xfs -f /dev/nvme1n1"
    assert "mount --bind /mnt/instance-store/docker /var/lib/docker" in calls
    assert calls.index("systemctl stop docker.socket docker containerd") < len(calls) - 1
    assert calls[-1] == "systemctl start containerd docker"


def test_several_stores_are_one_volume(tmp_path: Path) -> None:
    calls = run_script(tmp_path, 3)
    assert calls[0].startswith("mdadm --create /dev/md/scar --run --level=0 --raid-devices=3 ")
    assert calls[0].endswith("/dev/nvme1n1 /dev/nvme2n1 /dev/nvme3n1")
    assert calls[1] == "mkfs.xfs -f /dev/md/scar"
