"""A section ``batch`` that has no effect is named, and checked if it is the file's own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from scar.fdl.layers import SettingsLayer
from scar.fdl.loader import LoadContext, resolve_file
from scar.fdl.problems import InvalidFdlError

if TYPE_CHECKING:
    from pathlib import Path


def notes(
    folder: Path, batch: object, mode: str = "lambda", config: dict[str, Any] | None = None
) -> tuple[str, ...]:
    spec = {"name": "crop", "execution_mode": mode, "container": {"image": "debian:12"}}
    path = folder / "f.json"
    path.write_text(json.dumps({"functions": {"aws": [{"lambda": spec, "batch": batch}]}}))
    layer = SettingsLayer(source="/etc/scar.cfg", values={"batch": config or {}})
    return resolve_file(path, LoadContext(lower_layers=(layer,))).notes


@pytest.mark.parametrize(
    "batch",
    [
        {"vcpus": 2, "memory": 2048, "timeout": 90},
        {"environment": {"Variables": {"A": "1"}}},
        {"enable_execute_command": True},
        {"compute_resources": {"desired_v_cpus": 2}},
    ],
)
def test_one_note_says_that_it_is_not_used(tmp_path: Path, batch: object) -> None:
    (note,) = notes(tmp_path, batch)
    assert note.endswith(
        "batch is accepted, not used: the function runs in Lambda only (execution_mode: lambda)."
    )
    assert note.startswith(f"{tmp_path / 'f.json'}:1: ")
    other = notes(tmp_path, batch, "batch")
    assert all("batch is accepted" not in each for each in other)


@pytest.mark.parametrize(
    "batch",
    [
        {},
        {"enabled": False},
        {"vcpus": 1, "attempts": 3, "retry": []},  # the defaults
        {"compute_resources": {"instance_types": ["m3.medium"]}},  # SCAR writes it
    ],
)
def test_nothing_is_said_about_what_nobody_chose(tmp_path: Path, batch: object) -> None:
    assert notes(tmp_path, batch) == ()


@pytest.mark.parametrize(
    ("batch", "key"),
    [
        ({"gpus": 2, "compute_resources": {"instance_types": ["m6i"]}}, "instance_types"),
        ({"retry": [{"exit_code": 1, "memory": "x2", "up_to": 9}]}, "retry[0].up_to"),
        ({"overrides": [{"match": {}, "vcpus": 100, "memory": 1}]}, "overrides[0].match"),
        ({"tmpfs": {"path": "/etc/../x", "size": 1}}, "tmpfs[0].path"),
        ({"container_properties": {"nonsense": 1}}, "container_properties.nonsense"),
        ({"compute_resources": {"min_v_cpus": 50}}, "min_v_cpus"),
        ({"compute_resources": {"preset": "dual", "type": "EC2"}}, "preset"),
        ({"scheduling": {"share": "a-b"}}, "scheduling.share"),
    ],
)
def test_a_mistake_is_a_problem_in_every_mode(tmp_path: Path, batch: object, key: str) -> None:
    for mode in ("lambda", "batch"):
        with pytest.raises(InvalidFdlError) as caught:
            notes(tmp_path, batch, mode)
        assert any(problem.key.endswith(key) for problem in caught.value.problems)


def test_a_configuration_for_all_functions_is_neither_named_nor_checked(tmp_path: Path) -> None:
    config = {"vcpus": 2, "compute_resources": {"min_v_cpus": 50}}
    assert notes(tmp_path, {}, config=config) == ()
    with pytest.raises(InvalidFdlError, match="min_v_cpus"):
        notes(tmp_path, {}, "batch", config)
    with pytest.raises(InvalidFdlError, match="min_v_cpus"):
        notes(tmp_path, {"attempts": 2}, config=config)


def test_the_instances_role_is_not_used_on_fargate(tmp_path: Path) -> None:
    role = {"instance_role": "arn:aws:iam::123456789012:instance-profile/mine"}
    batch = {"memory": 2048, "compute_resources": {"type": "FARGATE"}}
    (note,) = notes(tmp_path, {**batch, "compute_resources": {"type": "FARGATE", **role}}, "batch")
    assert "batch.compute_resources.instance_role is accepted, not used: Fargate has no" in note
    assert notes(tmp_path, batch, "batch", {"compute_resources": role}) == ()
    assert notes(tmp_path, {"compute_resources": role}, "batch") == ()
