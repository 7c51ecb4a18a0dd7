"""Each row of the table of SCAR's keys holds for FDL files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scar.fdl.known_keys import has_key
from scar.fdl.model import AwsFunction
from scar.fdl.problems import InvalidFdlError
from scar.fdl.scar_words import table
from scar.fdl.scar_words.page import model_reason
from scar.fdl.scar_words.word import Treatment
from tests.unit.fdl.scar_words.scar_keys import COMPANIONS, KEYS, location_of, resolve_entry

if TYPE_CHECKING:
    from pathlib import Path

    from scar.fdl.problems import Problem

# Values that are the defaults here too: that they are taken is all that can be seen.
FIXED = {"batch.state", "batch.type"}


def keys_with(treatment: Treatment) -> list[str]:
    found = {key: table.word_of(location_of(key)) for key in KEYS}
    return [key for key, word in found.items() if word and word.treatment is treatment]


def problems(folder: Path, values: dict[str, object]) -> tuple[Problem, ...]:
    with pytest.raises(InvalidFdlError) as caught:
        resolve_entry(folder, values)
    return caught.value.problems


def test_the_table_has_every_key_of_scar_and_no_other() -> None:
    rows = dict.fromkeys(table.WORDS, False)
    for key in KEYS:
        location = location_of(key)
        lengths = range(len(location), 0, -1)
        row = next((location[:n] for n in lengths if location[:n] in rows), None)
        assert row, key
        rows[row] = True
    assert [row for row, is_tried in rows.items() if not is_tried] == []


@pytest.mark.parametrize("key", keys_with(Treatment.SAME))
def test_a_key_with_the_same_meaning_changes_the_function_and_says_nothing(
    tmp_path: Path, key: str
) -> None:
    values = COMPANIONS.get(key, {})
    in_batch = key.startswith("batch.")
    changed = resolve_entry(tmp_path, {**values, key: KEYS[key]}, batch=in_batch)
    assert [note for note in changed.notes if key in note] == []
    plain = resolve_entry(tmp_path, {} if "" in values.values() else values, batch=in_batch)
    assert (changed.document != plain.document) is (key not in FIXED)
    assert has_key(AwsFunction, location_of(key))


@pytest.mark.parametrize("key", keys_with(Treatment.NOT_USED))
def test_a_key_without_effect_is_named_once_with_its_line_and_reason(
    tmp_path: Path, key: str
) -> None:
    (note,) = resolve_entry(tmp_path, {key: KEYS[key]}, batch=key.startswith("batch")).notes
    word = table.word_of(location_of(key))
    assert word is not None
    text = word.text or model_reason(location_of(key))
    start = f"{tmp_path / 'f.json'}:1: {key}"
    assert note.startswith(start)
    assert f" is accepted, not used: {text}." in note or key.startswith("lambda.supervisor.v")
    assert word.in_model == has_key(AwsFunction, location_of(key))


@pytest.mark.parametrize("key", keys_with(Treatment.REFUSED))
def test_a_refused_key_is_the_only_problem_and_says_what_to_do(tmp_path: Path, key: str) -> None:
    (problem,) = problems(tmp_path, {key: KEYS[key]})
    assert problem.key.startswith(f"functions.aws[0].{key}")
    word = table.word_of(location_of(key))
    assert word is not None
    if key.endswith((".region", ".boto_profile")):
        assert f"write `lambda.{key.partition('.')[2]}: {KEYS[key]}`" in problem.message
    else:
        assert problem.message == f"there is no such key; {word.text}"


@pytest.mark.parametrize(
    "location", [at for at, word in table.WORDS.items() if word.new_place], ids=".".join
)
def test_the_new_place_of_a_moved_key_is_one_of_the_fdl(location: tuple[str, ...]) -> None:
    assert has_key(AwsFunction, table.WORDS[location].new_place)


def test_a_moved_key_hides_no_fault_and_makes_none_up(tmp_path: Path) -> None:
    # Without the value in its new place, the image would be missing too.
    found = problems(
        tmp_path, {"lambda.container": {}, "lambda.image": "debian:12", "lambda.timeout": 7}
    )
    assert [problem.key.rpartition(".")[2] for problem in found] == ["image", "timeout"]
    found = problems(tmp_path, {"lambda.container": {}, "lambda.image": "Not An Image"})
    assert {problem.key.partition(".lambda.")[2] for problem in found} == {
        "image",
        "container.image",
    }


def test_scar_s_image_mode_is_understood(tmp_path: Path) -> None:
    values = {
        "lambda.runtime": "image",
        "lambda.architectures": ["arm64"],
        "lambda.container.alpine": True,
        "lambda.deployment.bucket": "some-bucket",
        "batch.multi_node_parallel.enabled": False,
    }
    resolved = resolve_entry(tmp_path, values)
    assert resolved.document.functions.aws[0].lambda_.architecture == "arm64"
    assert {note.split()[1] for note in resolved.notes} == {
        "lambda.runtime",
        "lambda.container.alpine",
        "lambda.deployment.bucket",
    }


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("api_gateway.http_method", "ANY"),
        ("lambda.runtime", "python3.7"),
        ("lambda.asynchronous", False),
        ("api_gateway.stage_name", "scar"),
        ("lambda.deployment.max_payload_size", 52428800),
        ("batch.region", "us-east-1"),
        ("s3.boto_profile", "default"),
    ],
)
def test_nothing_is_said_about_scar_s_own_values(tmp_path: Path, key: str, value: object) -> None:
    plain = resolve_entry(tmp_path, {}).document
    found = resolve_entry(tmp_path, {key: value})
    assert found.notes == ()
    assert found.document.functions.aws[0].lambda_ == plain.functions.aws[0].lambda_


def test_scar_s_own_authorization_is_refused_since_endpoints_are_not_open_here(
    tmp_path: Path,
) -> None:
    (problem,) = problems(tmp_path, {"api_gateway.method.authorizationType": "NONE"})
    assert "`api_gateway.authentication`" in problem.message


def test_scar_s_roles_with_a_placeholder_are_not_set_and_other_places_of_it_are_refused(
    tmp_path: Path,
) -> None:
    instance = "batch.compute_resources.instance_role"
    copied = {
        "batch.service_role": ("arn:aws:iam::{account_id}:role/service-role/AWSBatchServiceRole"),
        instance: "arn:aws:iam::{account_id}:instance-profile/ecsInstanceRole",
    }
    (function,) = resolve_entry(tmp_path, copied, batch=True).document.functions.aws
    assert (function.batch.service_role, function.batch.compute_resources.instance_role) == ("", "")
    for key, value in {
        "iam.role": "arn:aws:iam::{account_id}:role/mine",
        "batch.service_role": "arn:aws:iam::{account_id}:role/mine",
        instance: "arn:aws:iam::{account_id}:instance-profile/mine",
        "lambda.container.image": "{account_id}.dkr.ecr.us-east-1.amazonaws.com/x",
    }.items():
        (problem,) = problems(tmp_path, {key: value})
        assert problem.key == f"functions.aws[0].{key}"
        assert problem.message.startswith("{account_id} is not replaced; write ${account_id}")
        named = resolve_entry(tmp_path, {key: value.replace("{", "${")}, batch=True)
        assert named.used_variables == {"account_id"}
    text = {"lambda.environment": {"Variables": {"TEMPLATE": "{account_id}"}}}
    assert resolve_entry(tmp_path, text).notes == ()


@pytest.mark.parametrize("service", ["iam", "cloudwatch", "ecr", "api_gateway", "batch", "s3"])
def test_a_service_is_in_the_function_s_region_and_account(tmp_path: Path, service: str) -> None:
    own: dict[str, object] = {"lambda.region": "eu-west-1", "lambda.boto_profile": "lab"}
    resolve_entry(tmp_path, {**own, f"{service}.boto_profile": "lab"})
    (problem,) = problems(tmp_path, {**own, f"{service}.boto_profile": "other"})
    assert "the function's profile is lab" in problem.message
    if service != "iam":
        resolve_entry(tmp_path, {**own, f"{service}.region": "eu-west-1"})
        (problem,) = problems(tmp_path, {**own, f"{service}.region": "us-east-1"})
        assert "the function's Region is eu-west-1" in problem.message
