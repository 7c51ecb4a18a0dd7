"""Plain YAML values are taken as they are written; the type of the key decides."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scar.fdl.loader import LoadContext, load_document, resolve_file
from scar.fdl.problems import InvalidFdlError
from scar.fdl.settings import read_settings
from scar.fdl.yaml_document import DocumentSyntaxError, parse_document

if TYPE_CHECKING:
    from pathlib import Path

    from scar.fdl.model import AwsFunction

HEAD = "functions:\n  aws:\n  - lambda:\n      name: one\n"
IMAGE = "      container: {image: ubuntu}\n"

# What YAML 1.1 or 1.2 reads as a number, a date or a special value.
NOT_TEXT = [
    *("1.10", "0042", "08001", "0x1F", "0o17", "0b101", "12:30:45", "16:9", "1:30.5", "1e-3"),
    *("1.0e-3", "1e20", "1_000_000", "1_2", "+5", "-0", "3.0", "00", "007.50", ".5", "5."),
    *(".inf", "-.Inf", ".nan", "12345678901234567890123", "100000000000000000000.0", "0.00001"),
    *("2024-01-01", "2024-01-01T10:00:00Z", "001_", "2024_", ".10", "=", "190:20:30", "0xFFp3"),
]


def load(tmp_path: Path, *lines: str, tail: str = "") -> AwsFunction:
    path = tmp_path / "f.yaml"
    body = "".join(f"      {line}\n" for line in lines)
    image = "" if any(line.startswith("container:") for line in lines) else IMAGE
    path.write_text(HEAD + image + body + tail)
    return load_document(path).functions.aws[0]


def problems(tmp_path: Path, *lines: str, tail: str = "") -> list[str]:
    with pytest.raises(InvalidFdlError) as caught:
        load(tmp_path, *lines, tail=tail)
    return [f"{p.position.line}:{p.position.column}: {p}" for p in caught.value.problems]


@pytest.mark.parametrize("text", NOT_TEXT)
def test_where_text_is_wanted_a_value_is_taken_as_it_is_written(tmp_path: Path, text: str) -> None:
    spec = load(
        tmp_path,
        f"environment: {{Variables: {{LAMBDA: {text}}}}}",
        f"container: {{image: u, environment: {{Variables: {{SCRIPT: {text}}}}}}}",
        f"tags: {{release: {text}}}",
        f"description: {text}",
        f"input: [{{path: box/in, suffix: [{text}]}}]",
        f"output: [{{path: box/out, prefix: [{text}, a], suffix: {text}}}]",
        tail=f"    batch: {{environment: {{Variables: {{JOB: {text}}}}}}}\n",
    )
    lambda_ = spec.lambda_
    assert lambda_.environment.Variables == {"LAMBDA": text}
    assert lambda_.container.environment.Variables == {"SCRIPT": text}
    assert lambda_.tags == {"release": text}
    assert lambda_.description == text
    assert lambda_.input[0].suffix == lambda_.output[0].suffix == (text,)
    assert lambda_.output[0].prefix == (text, "a")
    assert spec.batch.environment.Variables == {"JOB": text}


def test_a_name_may_be_a_number_with_leading_zeros(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(f"{HEAD.replace('one', '0042')}{IMAGE}")
    assert load_document(path).functions.aws[0].lambda_.name == "0042"


@given(st.text("0123456789abefoxEX._:+-", min_size=1, max_size=12))
def test_any_plain_scalar_that_is_not_null_or_boolean_is_its_own_text(text: str) -> None:
    document = f"key:\n  - {text}\n"
    try:
        node = yaml.compose(document, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        with pytest.raises(DocumentSyntaxError):
            parse_document(document)
        return
    item = node.value[0][1].value[0] if node else None
    if isinstance(item, yaml.ScalarNode) and not item.tag.endswith((":null", ":bool")):
        assert parse_document(document).data == {"key": [text]}


@pytest.mark.parametrize("key", ["memory", "timeout"])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0512", "begins with 0"),
        ("-0512", "begins with 0"),
        ("08", "begins with 0"),
        ("00", "begins with 0"),
        ("0o777", "octal"),
        ("0x200", "hexadecimal"),
        ("0b1000000000", "binary"),
        ("8:30", "base 60"),
        ("1:30:00", "base 60"),
        ("5_12", "only digits"),
        ("1_0.0", "only digits"),
        ("512.5", "whole number"),
        (".inf", "number"),
        (".nan", "number"),
        ("1e999", "number"),
        ("5m", "whole number"),
        ("2024-01-01", "whole number"),
        ("yes", "not true"),
        ("~", "not nothing"),
        ("'0512'", "begins with 0"),
        ("'5_12'", "only digits"),
    ],
)
def test_other_notations_of_numbers_are_refused_with_the_reason(
    tmp_path: Path, key: str, text: str, reason: str
) -> None:
    (found,) = problems(tmp_path, f"{key}: {text}")
    assert found.startswith(f"6:7: functions.aws[0].lambda.{key}: ")
    assert reason in found


@pytest.mark.parametrize(
    ("text", "value"),
    [("512", 512), ("'512'", 512), ("512.0", 512), ("5.12e2", 512), ("+512", 512)],
)
def test_decimal_numbers_are_numbers(tmp_path: Path, text: str, value: int) -> None:
    spec = load(tmp_path, f"memory: {text}", f"ephemeral_storage: {{Size: {text}}}")
    assert (spec.lambda_.memory, spec.lambda_.ephemeral_storage) == (value, value)


def test_all_fields_of_numbers_refuse_other_notations(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        "ephemeral_storage: {Size: 01000}",
        "concurrency: 0x10",
        "retries: 0b1",
        "container: {image: u, timeout_threshold: 1_0}",
        tail="    batch: {vcpus: 1:30, memory: 02048, compute_resources: {max_v_cpus: 0o10}}\n"
        "    cloudwatch: {log_retention_policy_in_days: 030}\n",
    )
    assert len(found) == 8
    reasons = ("begins with 0", "hexadecimal", "binary", "only digits", "base 60", "octal")
    assert all(any(reason in problem for problem in found) for reason in reasons)
    tail = "    batch: {vcpus: .5, memory: 2048, compute_resources: {type: FARGATE}}\n"
    assert load(tmp_path, tail=tail).batch.vcpus == 0.5


@pytest.mark.parametrize("text", ["yes", "NO", "on", "Off", "true", "FALSE"])
def test_booleans_are_refused_where_text_is_wanted(tmp_path: Path, text: str) -> None:
    (found,) = problems(tmp_path, f"tags: {{a: {text}}}")
    assert "YAML reads this as" in found
    assert "put it in quotes" in found
    assert load(tmp_path, f"tags: {{a: '{text}'}}").lambda_.tags == {"a": text}


@pytest.mark.parametrize("text", ["~", "null", "NULL", ""])
def test_null_is_refused_where_text_is_wanted(tmp_path: Path, text: str) -> None:
    (found,) = problems(tmp_path, "environment:", f"  Variables: {{AB: {text}}}")
    assert "YAML reads this as null; put it in quotes" in found


@pytest.mark.parametrize("key", ["ON", "yes", "NO", "Null", "True", "y"])
def test_keys_are_text_as_it_is_written(tmp_path: Path, key: str) -> None:
    spec = load(tmp_path, f"container: {{image: u, environment: {{Variables: {{{key}: x}}}}}}")
    assert spec.lambda_.container.environment.Variables == {key: "x"}
    assert load(tmp_path, f"tags: {{{key}: x}}").lambda_.tags == {key: "x"}


@pytest.mark.parametrize("key", ["0042", "1.10", "12:30", "2024-01-01", "0x1F", "~"])
def test_an_invalid_name_of_a_variable_is_one_problem_at_its_place(
    tmp_path: Path, key: str
) -> None:
    (found,) = problems(tmp_path, "environment:", "  Variables:", f"    {key}: x")
    assert found.startswith("8:11: functions.aws[0].lambda.environment.Variables.")
    assert f"{key}: {key!r} is not a valid variable" in found
    if key != "~":  # valid in no tag
        assert load(tmp_path, f"tags: {{{key}: x}}").lambda_.tags == {key: "x"}


def test_numbers_that_yaml_holds_equal_are_different_keys(tmp_path: Path) -> None:
    assert load(tmp_path, "tags: {1: a, 01: b, 0x1: c}").lambda_.tags == {
        "1": "a", "01": "b", "0x1": "c",
    }  # fmt: skip


def test_json_is_read_the_same_way(tmp_path: Path) -> None:
    variables = '{"AB": 1.10, "CD": 1e20, "EF": 12345678901234567890.0}'
    document = (
        '{"functions": {"aws": [{"lambda": {"name": "one", "memory": 512, "allow_loop": true,'
        f' "container": {{"image": "u", "environment": {{"Variables": {variables}}}}}}}}}]}}}}'
    )
    assert json.loads(document)
    path = tmp_path / "f.json"
    path.write_text(document)
    spec = load_document(path).functions.aws[0].lambda_
    assert (spec.memory, spec.allow_loop) == (512, True)
    assert spec.container.environment.Variables == {
        "AB": "1.10", "CD": "1e20", "EF": "12345678901234567890.0",
    }  # fmt: skip


def test_configuration_files_are_read_the_same_way(tmp_path: Path) -> None:
    (tmp_path / ".scar").mkdir()
    (tmp_path / ".scar" / "scar.cfg").write_text(
        '{"aws": {"lambda": {"memory": 256, "container": {"environment":'
        ' {"Variables": {"OLD": 1.10, "BIG": 1e20}}}}}}'
    )
    config = tmp_path / ".config" / "scar" / "config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text(
        "account_id: 012345678901\n"
        "defaults: {lambda: {timeout: 20, environment: {Variables: {AB: 0042}}}}\n"
        "stages: {1.10: {defaults: {lambda: {tags: {day: 2024-01-01}}}}}\n"
    )
    settings = read_settings({"HOME": str(tmp_path)}, "1.10")
    assert settings.account_id == "012345678901"
    path = tmp_path / "f.yaml"
    path.write_text(HEAD + IMAGE)
    resolved = resolve_file(path, LoadContext(lower_layers=settings.lower_layers))
    spec = resolved.document.functions.aws[0].lambda_
    assert (spec.memory, spec.timeout) == (256, 20)
    assert spec.container.environment.Variables == {"OLD": "1.10", "BIG": "1e20"}
    assert spec.environment.Variables == {"AB": "0042"}
    assert spec.tags == {"day": "2024-01-01"}


def test_environment_variables_follow_the_same_rule_for_numbers(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(HEAD + IMAGE)
    for text, is_valid in (("512", True), ("0512", False), ("5_12", False)):
        settings = read_settings({"HOME": str(tmp_path), "SCAR_MEMORY": text})
        context = LoadContext(upper_layers=settings.upper_layers)
        if is_valid:
            resolve_file(path, context)
            continue
        with pytest.raises(InvalidFdlError, match="SCAR_MEMORY"):
            resolve_file(path, context)


def test_top_level_extensions_hold_anchors(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(
        "x-common: &common\n  memory: 1024\n  tags: {a: 0042}\n"
        "x-list: &list [.10, '${not a variable}']\n"
        "functions:\n  aws:\n"
        "  - lambda: {<<: *common, name: one, container: {image: u}}\n"
        "  - lambda:\n      <<: [{timeout: 19}, *common, {timeout: 18}]\n      memory: 512\n"
        "      name: two\n      container: {image: u}\n"
    )
    one, two = (f.lambda_ for f in load_document(path).functions.aws)
    assert (one.memory, one.tags) == (1024, {"a": "0042"})
    assert (two.memory, two.timeout, two.tags) == (512, 19, {"a": "0042"})


def test_of_repeated_merge_keys_the_last_one_wins() -> None:
    text = "x-a: &a {k: 1, m: 1}\nx-b: &b {k: 2}\na: {k: 3}\nb:\n  <<: *a\n  <<: *b\n"
    assert parse_document(text).data == {"a": {"k": "3"}, "b": {"k": "2", "m": "1"}}


@pytest.mark.parametrize("key", ["x", "xcommon", "X-common", "y-common"])
def test_other_unknown_top_level_keys_are_refused(tmp_path: Path, key: str) -> None:
    (found,) = problems(tmp_path, tail=f"{key}: 1\n")
    assert "there is no such key" in found


def test_extensions_inside_a_function_are_refused(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "x-common: 1")
    assert "there is no such key" in found


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: !Ref b", "the tag !Ref is not supported"),
        ("a: !!binary aGk=", "the tag !!binary is not supported"),
        ("a: !!set {b, c}", "the tag !!set is not supported"),
        ("a: !!bool maybe", "the tag !!bool is not supported"),
        ("image: {{name}}", "a key must be text"),
        ("a: {<<: 3}", "`<<` needs a mapping"),
        ("a: {<<: [3]}", "`<<` needs a mapping"),
    ],
)
def test_what_has_no_meaning_here_is_refused_with_its_place(text: str, reason: str) -> None:
    with pytest.raises(DocumentSyntaxError) as caught:
        parse_document(text)
    (problem,) = caught.value.problems
    assert reason in problem.message
    assert problem.position.column > 1


def test_explicit_tags_of_plain_types_are_text_too() -> None:
    parsed = parse_document("a: [!!str 1.10, !!int 0x1F, !!float 1.50, !!bool yes, !!null ~]")
    assert parsed.data == {"a": ["1.10", "0x1F", "1.50", True, None]}
