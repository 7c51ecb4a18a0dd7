"""SCAR's keys: each has an effect or is named in one line, in files, options and scar.cfg alike."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from scar.fdl.effective_values import list_effective_values
from scar.fdl.known_keys import list_keys
from scar.fdl.loader import LoadContext, ResolvedDocument, resolve_file
from scar.fdl.model import FdlDocument
from scar.fdl.problems import format_location
from scar.fdl.scar_words import table
from scar.fdl.settings import read_settings

if TYPE_CHECKING:
    from pathlib import Path

    from scar.fdl.problems import Location

HEAD = """functions:
  aws:
  - lambda:
      name: crop
      container: {image: "debian:12"}
"""

# The file that SCAR 4.3 creates, and for each key another value that a user may have set.
SCAR_CFG: dict[Location, tuple[object, object]] = {
    **{at: (value, "changed") for at, value in table._DEFAULTS.items()},
    ("iam", "boto_profile"): ("default", "other"),
    ("iam", "role"): ("", "arn:aws:iam::123456789012:role/r"),
    ("lambda", "execution_mode"): ("lambda", "batch"),
    ("lambda", "timeout"): (300, 200),
    ("lambda", "memory"): (512, 1024),
    ("lambda", "layers"): ([], ["arn:aws:lambda:us-east-1:123456789012:layer:a:1"]),
    ("lambda", "asynchronous"): (False, True),
    ("lambda", "log_level"): ("INFO", "DEBUG"),
    ("lambda", "environment", "Variables", "MINE"): (None, "1"),
    ("lambda", "container", "environment", "Variables", "MINE"): (None, "1"),
    ("lambda", "container", "timeout_threshold"): (10, 20),
    ("lambda", "supervisor", "version"): ("latest", "1.5.0"),
    ("lambda", "vpc", "SubnetIds"): (None, ["subnet-1"]),
    ("lambda", "vpc", "SecurityGroupIds"): (None, ["sg-1"]),
    ("lambda", "architectures"): (None, ["arm64"]),
    ("cloudwatch", "boto_profile"): ("default", "other"),
    ("cloudwatch", "region"): ("us-east-1", "eu-west-1"),
    ("cloudwatch", "log_retention_policy_in_days"): (30, 90),
    ("ecr", "delete_image"): (None, False),
    ("batch", "boto_profile"): ("default", "other"),
    ("batch", "region"): ("us-east-1", "eu-west-1"),
    ("batch", "vcpus"): (1, 2),
    ("batch", "memory"): (1024, 2048),
    ("batch", "enable_gpu"): (False, True),
    ("batch", "environment", "Variables", "MINE"): (None, "1"),
    ("batch", "service_role"): (
        "arn:aws:iam::{account_id}:role/service-role/AWSBatchServiceRole",
        "arn:aws:iam::123456789012:role/b",
    ),
    ("batch", "compute_resources", "security_group_ids"): ([], ["sg-1"]),
    ("batch", "compute_resources", "type"): ("EC2", "SPOT"),
    ("batch", "compute_resources", "desired_v_cpus"): (0, 2),
    ("batch", "compute_resources", "min_v_cpus"): (0, 1),
    ("batch", "compute_resources", "max_v_cpus"): (2, 16),
    ("batch", "compute_resources", "subnets"): ([], ["subnet-1"]),
    ("batch", "compute_resources", "instance_types"): (["m3.medium"], ["c6i"]),
    ("batch", "compute_resources", "instance_role"): (
        "arn:aws:iam::{account_id}:instance-profile/ecsInstanceRole",
        "arn:aws:iam::123456789012:instance-profile/mine",
    ),
}


def nested(values: dict[Location, object]) -> dict[str, Any]:
    """Build the nested mapping of values by location."""
    result: dict[str, Any] = {}
    for location, value in values.items():
        *above, last = location
        inner = result
        for key in above:
            inner = inner.setdefault(str(key), {})
        inner[str(last)] = value
    return result


def with_config(home: Path, values: dict[Location, object]) -> tuple[ResolvedDocument, list[str]]:
    """Resolve a small file with a ``scar.cfg``; return it and all notes."""
    (home / ".scar").mkdir(exist_ok=True)
    aws = nested(values)
    (home / ".scar" / "scar.cfg").write_text(json.dumps({"scar": {}, "oscar": {}, "aws": aws}))
    path = home / "f.yaml"
    path.write_text(HEAD)
    settings = read_settings({"HOME": str(home)})
    resolved = resolve_file(path, LoadContext(lower_layers=settings.lower_layers))
    return resolved, [*settings.notes, *resolved.notes]


def test_the_untouched_file_of_scar_says_nothing_and_changes_nothing(tmp_path: Path) -> None:
    defaults = {at: default for at, (default, _) in SCAR_CFG.items() if default is not None}
    plain, none = with_config(tmp_path, {})
    untouched, notes = with_config(tmp_path, defaults)
    assert none == notes == []
    assert untouched.document == plain.document


@pytest.mark.parametrize("location", SCAR_CFG, ids=format_location)
def test_a_changed_value_of_scar_s_file_has_an_effect_or_a_line(
    tmp_path: Path, location: Location
) -> None:
    everything = {at: default for at, (default, _) in SCAR_CFG.items() if default is not None}
    plain, _ = with_config(tmp_path, everything)
    changes = {location: SCAR_CFG[location][1]}
    if location[:2] == ("lambda", "vpc"):  # both or none
        changes |= {at: new for at, (_, new) in SCAR_CFG.items() if at[:2] == location[:2]}
    changed, notes = with_config(tmp_path, everything | changes)
    assert (changed.document != plain.document) or len(notes) == 1
    for note in notes:
        assert f"{format_location(location)} is accepted, not used" in note
    # What is used is seen with its source.
    if not notes:
        sources = {v.source for v in list_effective_values(changed, 0, secrets=True)}
        assert any("scar.cfg" in source for source in sources)


@pytest.mark.parametrize("location", table._REASONS, ids=format_location)
def test_a_key_of_scar_in_an_fdl_file_is_named_with_its_line_and_reason(
    tmp_path: Path, location: Location
) -> None:
    # None of the table's keys is one of the model: those would have their own description.
    assert location[-1] not in list_keys(FdlDocument, ("functions", "aws", 0, *location[:-1]))
    above = {"lambda": {"name": "crop", "container": {"image": "debian:12"}}}
    entry = nested({location: "x"})
    merged = {**above, **entry}
    if "lambda" in entry:
        inner = entry["lambda"]
        merged["lambda"] = {**above["lambda"], **inner}
        if "container" in inner:
            merged["lambda"]["container"] = {"image": "debian:12", **inner["container"]}
    path = tmp_path / "f.json"
    path.write_text(json.dumps({"functions": {"aws": [merged]}}))
    (note,) = resolve_file(path, LoadContext()).notes
    key = format_location(location)
    assert note == f"{path}:1: {key} is accepted, not used: {table.reason_of(location)}."


def test_scar_s_image_mode_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(
        "functions:\n  aws:\n  - lambda:\n      runtime: image\n      architectures: [arm64]\n"
        "      name: n\n      container:\n        image: debian:12\n        alpine: true\n"
        "      deployment:\n        bucket: some-bucket\n"
    )
    resolved = resolve_file(path, LoadContext())
    spec = resolved.document.functions.aws[0].lambda_
    assert (spec.architecture, spec.container.image) == ("arm64", "debian:12")
    assert [note.partition(" is ")[0] for note in resolved.notes] == [
        f"{path}:4: lambda.runtime",
        f"{path}:9: lambda.container.alpine",
        f"{path}:11: lambda.deployment.bucket",
    ]


def test_keys_without_effect_of_the_model_are_named(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(
        HEAD
        + "      execution_mode: batch\n"
        + "      region: us-east-1\n"
        + "    batch: {region: us-east-1, compute_resources: {desired_v_cpus: 4,"
        + " launch_template_name: mine}}\n"
        + "    cloudwatch: {region: eu-west-1}\n"
        + "storage_providers: {s3: {lab: {region: eu-west-1}}}\n"
    )
    notes = resolve_file(path, LoadContext()).notes
    assert [note.partition(" is accepted, not used")[0] for note in notes] == [
        f"{path}:8: batch.compute_resources.desired_v_cpus",
        f"{path}:8: batch.compute_resources.launch_template_name",
        f"{path}:9: cloudwatch.region",
        f"{path}:10: storage_providers.s3.lab.region",
    ]


def test_an_unknown_key_is_still_a_problem_in_fdl_files_and_a_line_in_scar_s(
    tmp_path: Path,
) -> None:
    _, notes = with_config(tmp_path, {("lambda", "frobnicate"): "1", ("batch", "x", "y"): "2"})
    (note,) = notes
    assert note.endswith("ignored unknown keys: batch.x.y, lambda.frobnicate.")


def test_scar_s_variable_for_its_folder_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "scar.cfg").write_text('{"aws": {"lambda": {"region": "us-west-2"}}}')
    settings = read_settings({"HOME": str(tmp_path), "SCAR_CONFIG_FOLDER": str(folder)})
    assert settings.region == "us-west-2"
