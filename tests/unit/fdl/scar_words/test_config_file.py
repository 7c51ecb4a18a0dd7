"""SCAR's configuration file: what its user has changed is used or named, its defaults are not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from scar.fdl.effective_values import list_effective_values
from scar.fdl.loader import LoadContext, ResolvedDocument, resolve_file
from scar.fdl.scar_words import table
from scar.fdl.scar_words.scar_defaults import DEFAULTS
from scar.fdl.scar_words.word import Treatment
from scar.fdl.settings import UserSettings, read_settings
from tests.unit.fdl.scar_words.scar_keys import COMPANIONS, KEYS, location_of, set_value

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """functions:
  aws:
  - lambda:
      name: crop
      container: {image: "debian:12"}
"""
# The keys of SCAR's file, with its values where they are not the FDL's defaults.
UNTOUCHED: dict[str, Any] = {
    "iam": {"boto_profile": "default", "role": ""},
    "lambda": {
        "boto_profile": "default",
        "region": "us-east-1",
        "execution_mode": "lambda",
        "timeout": 300,
        "memory": 512,
        "layers": [],
        "log_level": "INFO",
        "container": {"environment": {"Variables": {}}, "timeout_threshold": 10},
    },
    "s3": {"boto_profile": "default", "region": "us-east-1"},
    "api_gateway": {"boto_profile": "default", "region": "us-east-1"},
    "cloudwatch": {
        "boto_profile": "default",
        "region": "us-east-1",
        "log_retention_policy_in_days": 30,
    },
    "batch": {
        "multi_node_parallel": {"enabled": False, "number_nodes": 10, "main_node_index": 0},
        "boto_profile": "default",
        "region": "us-east-1",
        "vcpus": 1,
        "memory": 1024,
        "enable_gpu": False,
        "state": "ENABLED",
        "type": "MANAGED",
        "environment": {"Variables": {}},
        "compute_resources": {
            "security_group_ids": [],
            "type": "EC2",
            "desired_v_cpus": 0,
            "min_v_cpus": 0,
            "max_v_cpus": 2,
            "subnets": [],
        },
    },
}
OSCAR = {
    "my_oscar": {
        "endpoint": "",
        "auth_user": "",
        "auth_password": "",
        "ssl_verify": True,
        "memory": "256Mi",
        "cpu": "0.2",
        "log_level": "INFO",
    }
}


def scar_s_own_file(release: int = 0) -> dict[str, Any]:
    """Return the part ``aws`` of the file that SCAR creates; ``release`` 1 is an old one."""
    values: dict[str, Any] = json.loads(json.dumps(UNTOUCHED))
    for location, choices in DEFAULTS.items():
        section = values
        for part in location[:-1]:
            section = section.setdefault(str(part), {})
        section[str(location[-1])] = choices[min(release, len(choices) - 1)]
    return values


def with_config(
    home: Path, aws: dict[str, Any], *, oscar: object = OSCAR, mode: str = "lambda"
) -> tuple[ResolvedDocument, UserSettings, list[str]]:
    """Resolve a small file with a ``scar.cfg``; return it, the settings and all notes."""
    (home / ".scar").mkdir(exist_ok=True)
    written = {"scar": {"config_version": "1.1.0"}, "oscar": oscar, "aws": aws}
    (home / ".scar" / "scar.cfg").write_text(json.dumps(written))
    path = home / "f.yaml"
    path.write_text(f"{HEAD}      execution_mode: {mode}\n")
    settings = read_settings({"HOME": str(home)})
    context = LoadContext(lower_layers=settings.lower_layers)
    resolved = resolve_file(path, context)
    return resolved, settings, [*settings.notes, *resolved.notes]


@pytest.mark.parametrize("mode", ["lambda", "batch"])
@pytest.mark.parametrize("release", [0, 1])
def test_the_untouched_file_of_scar_says_nothing_and_changes_nothing(
    tmp_path: Path, release: int, mode: str
) -> None:
    plain, _, none = with_config(tmp_path, {}, mode=mode)
    untouched, settings, notes = with_config(tmp_path, scar_s_own_file(release), mode=mode)
    assert none == notes == []
    assert untouched.document == plain.document
    assert (settings.region, settings.profile) == ("us-east-1", "")


def test_what_scar_does_anyway_needs_no_line(tmp_path: Path) -> None:
    own = scar_s_own_file()
    own["lambda"]["runtime"] = "image"
    assert with_config(tmp_path, own)[2] == []


def test_every_line_about_a_key_without_effect_has_a_reason(tmp_path: Path) -> None:
    own = scar_s_own_file()
    own["lambda"]["supervisor"]["version"] = "1.5.0"
    own["s3"]["event"]["Records"] = [{"eventSource": "aws:s3"}]
    notes = with_config(tmp_path, own)[2]
    assert any("supervisor.version is accepted, not used: the supervisor is" in n for n in notes)
    assert any("s3.event.Records is accepted, not used: buckets are" in n for n in notes)


# Not for all functions alike: names, files next to an FDL file, and folders.
OF_ONE_FUNCTION = {
    f"lambda.{key}"
    for key in (
        *("name", "init_script", "run_script", "extra_payload", "input", "output"),
        "container.create_image",
    )
} | {"api_gateway.name"}
DONE_ANYWAY = "lambda.runtime"  # with the value `image`
CHANGED = [
    key
    for key in KEYS
    if key not in OF_ONE_FUNCTION
    and key != DONE_ANYWAY
    and not key.startswith("lambda.container.image")
]


@pytest.mark.parametrize("key", CHANGED)
def test_a_changed_value_of_scar_s_file_has_an_effect_or_a_line(tmp_path: Path, key: str) -> None:
    mode = "batch" if key.startswith("batch") else "lambda"
    own = scar_s_own_file()
    for companion, value in COMPANIONS.get(key, {}).items():
        if not companion.startswith("lambda.container"):
            set_value(own, companion, value)
    plain, before, _ = with_config(tmp_path, own, mode=mode)
    set_value(own, key, KEYS[key])
    changed, after, notes = with_config(tmp_path, own, mode=mode)
    word = table.word_of(location_of(key))
    assert word is not None
    if key in ("batch.state", "batch.type"):
        assert notes == []
    elif key in ("lambda.region", "lambda.boto_profile"):
        assert (after.region, after.profile) != (before.region, before.profile)
        assert notes == []
    elif key == "lambda.execution_mode":
        assert notes == []  # the file's own is above it
    elif word.treatment is Treatment.SAME:
        assert changed.document != plain.document
        assert notes == []
        sources = {v.source for v in list_effective_values(changed, 0, secrets=True)}
        assert any("scar.cfg" in source for source in sources)
    else:
        (note,) = notes
        start = f"{tmp_path}/.scar/scar.cfg: {key}"
        assert note.startswith(start)
        assert word.text in note
        assert "not used" in note


def test_what_is_not_for_lambda_does_not_make_lambda_s_functions_invalid(tmp_path: Path) -> None:
    _, _, notes = with_config(tmp_path, {"batch": {"multi_node_parallel": {"enabled": True}}})
    assert notes == []


def test_a_cluster_of_oscar_that_the_user_has_set_is_named(tmp_path: Path) -> None:
    _, _, notes = with_config(tmp_path, {}, oscar={"mine": {"endpoint": "https://example.org"}})
    (note,) = notes
    assert f"{tmp_path}/.scar/scar.cfg: oscar is accepted, not used: " in note


def test_a_kept_repository_is_kept(tmp_path: Path) -> None:
    resolved, _, _ = with_config(tmp_path, {"ecr": {"delete_image": False}})
    assert not resolved.document.functions.aws[0].ecr.delete_image


def test_an_unknown_key_is_named(tmp_path: Path) -> None:
    _, _, notes = with_config(tmp_path, {"lambda": {"frobnicate": "1"}, "batch": {"x": {"y": "2"}}})
    (note,) = notes
    assert note.endswith("ignored unknown keys: batch.x.y, lambda.frobnicate.")


def test_scar_s_variable_for_its_folder_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "scar.cfg").write_text('{"aws": {"lambda": {"region": "us-west-2"}}}')
    settings = read_settings({"HOME": str(tmp_path), "SCAR_CONFIG_FOLDER": str(folder)})
    assert settings.region == "us-west-2"
