"""Mounts and limits of jobs that cannot work are problems of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from scar.fdl.loader import load_document
from scar.fdl.model import BatchSpec
from scar.fdl.problems import InvalidFdlError
from tests.unit.fdl.test_batch_rules import problems

if TYPE_CHECKING:
    from pathlib import Path

EFS = "arn:aws:elasticfilesystem:eu-west-1:123456789012:access-point/fsap-0123456789abcdef0"
S3 = (
    "arn:aws:s3files:eu-west-1:123456789012:file-system/fs-0123456789abcdef0"
    "/access-point/fsap-0123456789abcdef0"
)
FARGATE = {"compute_resources": {"type": "FARGATE"}, "memory": 2048}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/opt/scar", "hide /opt/scar"),
        ("/opt", "hide /opt/scar"),
        ("/opt/scar/function", "supervisor's own"),
        ("/tmp", "hide /tmp"),
        ("/tmp/scar-1/input", "supervisor's own"),
        ("/proc/1", "part of /proc"),
        ("/dev/shm", "shared_memory sets"),
        ("/etc", "part of /etc"),
        ("/mnt/../opt", "'..' part"),
        ("/mnt/.", "'.' or"),
    ],
)
def test_paths_that_the_supervisor_or_the_system_needs_are_refused(
    path: str, expected: str
) -> None:
    (problem,) = problems({"tmpfs": {"path": path, "size": 1}})
    assert problem.startswith("path: ")
    assert expected in problem
    assert problems({"file_system": {"arn": S3, "path": path}}) == [problem]
    assert problems(mounted(path)) == [problem.replace("path: ", "containerPath: ")]


def mounted(*paths: str) -> dict[str, object]:
    points = [{"sourceVolume": "v", "containerPath": path} for path in paths]
    return {"container_properties": {"mountPoints": points, "volumes": [{"name": "v"}]}}


@pytest.mark.parametrize("path", ["/opt/scar/", "//tmp", "/", "/opt//scar/function", "opt/x", ""])
def test_raw_mounts_follow_the_same_rules_in_any_spelling(path: str) -> None:
    (problem,) = problems(mounted(path))
    assert problem.startswith("containerPath: ")


def test_raw_mounts_do_not_replace_those_of_scar() -> None:
    own = {"tmpfs": {"path": "/scratch", "size": 1}}
    (problem,) = problems({**own, **mounted("/scratch/")})
    assert "overlaps with another mount, /scratch" in problem
    assert problems({**own, **mounted("/mnt/a", "/mnt/b")}) == []


@pytest.mark.parametrize("path", ["/optional", "/tmp/data", "/mnt/a.b", "/device", "/opt/scarlet"])
def test_other_paths_are_accepted(path: str) -> None:
    assert problems({"tmpfs": {"path": path, "size": 1}}) == []


@pytest.mark.parametrize(
    "path", ["mnt/data", "/", "", "/mnt/", "/mnt//x", "/mnt/a:b", "/a b", "/a\n"]
)
def test_a_path_must_be_absolute_and_plain(path: str) -> None:
    with pytest.raises(ValidationError):
        BatchSpec.model_validate({"tmpfs": {"path": path, "size": 1}})


@pytest.mark.parametrize(
    ("one", "two", "overlap"),
    [
        ("/mnt/a", "/mnt/a", True),
        ("/mnt", "/mnt/a", True),
        ("/mnt/a", "/mnt", True),
        ("/mnt/a", "/mnt/ab", False),
    ],
)
def test_mounts_do_not_overlap(one: str, two: str, *, overlap: bool) -> None:
    batch = {
        "file_system": {"arn": S3, "path": one},
        "tmpfs": {"path": two, "size": 1},
    }
    assert [p for p in problems(batch) if "overlaps" in p] == (
        [f"path: {two} overlaps with another mount, {one}"] if overlap else []
    )


@pytest.mark.parametrize(
    ("shared", "size", "fits"),
    [(1000, 23, True), (1000, 24, False), (1023, 0, True), (1024, 0, False)],
)
def test_file_systems_in_memory_leave_some_of_it(shared: int, size: int, *, fits: bool) -> None:
    tmpfs = [{"path": "/scratch", "size": size}] if size else []
    found = problems({"memory": 1024, "shared_memory": shared, "tmpfs": tmpfs})
    assert bool(found) != fits
    if found:
        assert "1024 MiB" in found[0]
        assert "raise batch.memory" in found[0]


@pytest.mark.parametrize(
    "keys",
    [
        {"shared_memory": 64},
        {"tmpfs": {"path": "/scratch", "size": 64}},
        {"ulimits": {"nofile": 1024}},
    ],
)
def test_fargate_does_not_have_them(keys: dict[str, object]) -> None:
    (problem,) = problems({**FARGATE, **keys})
    assert problem == f"{next(iter(keys))}: Fargate does not have it; use EC2 or SPOT, or omit it"


def test_fargate_mounts_file_systems() -> None:
    assert problems({**FARGATE, "file_system": {"arn": EFS, "path": "/mnt/data"}}) == []


@given(st.integers(-1, 10), st.integers(-1, 10))
def test_a_soft_limit_is_at_most_the_hard_limit(soft: int, hard: int) -> None:
    found = problems({"ulimits": {"nofile": {"soft": soft, "hard": hard}}})
    unlimited = float("inf")
    allowed = (unlimited if soft == -1 else soft) <= (unlimited if hard == -1 else hard)
    assert (found == []) == allowed


@pytest.mark.parametrize(
    "keys",
    [
        {"ulimits": {"files": 1}},
        {"ulimits": {"nofile": -2}},
        {"ulimits": {"nofile": True}},
        {"ulimits": {"nofile": {"soft": 1}}},
        {"shared_memory": -1},
        {"tmpfs": {"path": "/a", "size": 0}},
        {"file_system": {"arn": EFS, "path": "/a", "file_system_id": "fs-x"}},
        {"file_system": {"arn": EFS.replace("fsap-", "fs-"), "path": "/a"}},
        {"file_system": {"arn": S3.partition("/access")[0], "path": "/a"}},
    ],
)
def test_values_that_aws_refuses_are_refused(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        BatchSpec.model_validate(keys)


def test_a_number_is_both_limits_also_as_text() -> None:
    def limit(value: object) -> tuple[int, int]:
        found = BatchSpec.model_validate({"ulimits": {"nofile": value}}).ulimits["nofile"]
        return found.soft, found.hard

    assert limit(7) == limit("7") == limit({"soft": 7, "hard": 7}) == (7, 7)
    assert limit({"softLimit": 1, "hardLimit": 2}) == (1, 2)


@pytest.mark.parametrize("option", ["exec", "noexec", "ro", "mode=1777", "uid=0", "nr_inodes=5"])
def test_options_of_tmpfs_are_accepted(option: str) -> None:
    assert problems({"tmpfs": {"path": "/a", "size": 1, "mount_options": option}}) == []


@pytest.mark.parametrize("option", ["bind", "remount", "shared", "mode=888", "size=1", "exec,ro"])
def test_other_options_are_refused(option: str) -> None:
    (problem,) = problems({"tmpfs": {"path": "/a", "size": 1, "mount_options": option}})
    assert problem.startswith(f"mount_options: '{option}'")


def test_the_id_is_for_efs_only() -> None:
    def found(arn: str) -> list[str]:
        mount: dict[str, Any] = {"arn": arn, "path": "/a", "file_system_id": "fs-12345678"}
        return problems({"file_system": mount})

    assert found(EFS) == []
    assert "omit it" in found(S3)[0]


def test_a_problem_has_the_line_of_its_key(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(
        "functions:\n  aws:\n  - lambda:\n      name: f\n      execution_mode: batch\n"
        "      container: {image: busybox}\n    batch:\n      tmpfs:\n      - size: 64\n"
        "        path: /opt/scar\n      ulimits:\n        nofile: {soft: 2, hard: 1}\n"
    )
    with pytest.raises(InvalidFdlError) as caught:
        load_document(path)
    lines = [(p.position.line, p.key) for p in caught.value.problems]
    assert lines == [
        (10, "functions.aws[0].batch.tmpfs[0].path"),
        (12, "functions.aws[0].batch.ulimits.nofile"),
    ]
