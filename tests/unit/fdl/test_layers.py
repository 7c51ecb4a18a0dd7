"""Values of several sources: their precedence, and the source of each value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.errors import ConfigurationError
from scar.fdl.effective_values import list_effective_values
from scar.fdl.layers import SettingsLayer, merge_layers
from scar.fdl.loader import LoadContext, ResolvedDocument, resolve_file
from scar.fdl.problems import InvalidFdlError
from scar.fdl.settings import UserSettings, config_path, read_settings
from scar.fdl.variables import TemplateVariables
from scar.hidden_text import MASK

if TYPE_CHECKING:
    from pathlib import Path

FDL = """\
functions:
  aws:
  - lambda:
      name: crop
      memory: 256
      environment: {Variables: {TOKEN: hush}}
      container: {image: x}
      vpc: {SubnetIds: subnet-1, SecurityGroupIds: sg-1}
"""
CONFIG = """\
region: eu-west-1
defaults:
  lambda: {timeout: 20, memory: 128, log_level: DEBUG}
stages:
  prod:
    region: eu-central-1
    profile: work
    defaults:
      lambda:
        timeout: 30
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".config" / "scar").mkdir(parents=True)
    return tmp_path


def configured(home: Path, text: str = CONFIG) -> dict[str, str]:
    (home / ".config" / "scar" / "config.yaml").write_text(text)
    return {"HOME": str(home)}


def resolved(
    home: Path, environment: dict[str, str], text: str = FDL, stage: str = ""
) -> ResolvedDocument:
    (home / "f.yaml").write_text(text)
    settings = read_settings(environment, stage)
    flags = SettingsLayer(source="command line", values={"lambda": {"description": "mine"}})
    return resolve_file(
        home / "f.yaml",
        LoadContext(
            lower_layers=settings.lower_layers,
            upper_layers=(*settings.upper_layers, flags),
            variables=TemplateVariables(stage=settings.stage, default_region=settings.region),
        ),
    )


def origins(found: ResolvedDocument) -> dict[str, tuple[object, str]]:
    return {v.key: (v.value, v.source) for v in list_effective_values(found, 0, secrets=False)}


def test_each_value_has_a_source(home: Path) -> None:
    environment = configured(home) | {"SCAR_MEMORY": "1024"}
    shown = origins(resolved(home, environment, stage="prod"))
    config = home / ".config" / "scar" / "config.yaml"
    assert shown["lambda.description"] == ("mine", "command line")
    assert shown["lambda.memory"] == (1024, "environment, SCAR_MEMORY")
    assert shown["lambda.name"] == ("crop", f"{home}/f.yaml:4")
    assert shown["lambda.timeout"] == (30, f"{config}:10")
    assert shown["lambda.log_level"] == ("DEBUG", f"{config}:3")
    assert shown["batch.memory"] == (1024, "default")
    assert shown["lambda.vpc.subnets"] == (["subnet-1"], f"{home}/f.yaml:8")


def test_the_file_overrides_the_configuration_and_the_stage_its_base(home: Path) -> None:
    environment = configured(home)
    assert origins(resolved(home, environment))["lambda.memory"][0] == 256
    assert origins(resolved(home, environment))["lambda.timeout"][0] == 20
    assert read_settings(environment, "prod").region == "eu-central-1"
    assert read_settings(environment, "prod").profile == "work"
    assert read_settings(environment).region == "eu-west-1"


def test_values_of_variables_are_masked_unless_asked_for(home: Path) -> None:
    found = resolved(home, {})
    assert origins(found)["lambda.environment.Variables.TOKEN"][0] == MASK
    shown = {v.key: v.value for v in list_effective_values(found, 0, secrets=True)}
    assert shown["lambda.environment.Variables.TOKEN"] == "hush"


def test_an_invalid_value_from_another_source_is_reported_with_it(home: Path) -> None:
    with pytest.raises(InvalidFdlError) as caught:
        resolved(home, {"SCAR_MEMORY": "lots"})
    expected = "must be a whole number of MB, not 'lots' (from: environment, SCAR_MEMORY)"
    assert f"lambda.memory: {expected}" in caught.value.problem


def test_a_value_of_another_source_that_breaks_a_rule_is_reported_with_it(home: Path) -> None:
    (home / ".scar").mkdir()
    (home / ".scar" / "scar.cfg").write_text(
        '{"scar": {}, "aws": {"batch": {"state": "DISABLED"}}}'
    )
    text = FDL.replace("name: crop", "name: crop\n      execution_mode: batch")
    with pytest.raises(InvalidFdlError) as caught:
        resolved(home, {"HOME": str(home)}, text)
    (problem,) = caught.value.problems
    assert problem.key == "functions.aws[0].batch.state"
    assert problem.message.endswith(f"(from: {home}/.scar/scar.cfg)")


def test_a_broken_rule_of_a_section_names_no_source_if_the_file_has_a_part(home: Path) -> None:
    environment = configured(home, "defaults: {lambda: {vpc: {subnets: [subnet-2]}}}\n")
    text = FDL.replace("vpc: {SubnetIds: subnet-1, SecurityGroupIds: sg-1}", "{}")
    for vpc, source in (
        ("{}", f" (from: {home}/.config/scar/config.yaml:1)"),
        ("{security_group_ids: []}", ""),
    ):
        with pytest.raises(InvalidFdlError) as caught:
            resolved(home, environment, text.replace("{}", f"vpc: {vpc}"))
        (problem,) = caught.value.problems
        assert problem.message == f"needs both subnets and security_group_ids{source}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("regoin: x\n", "config.yaml:1:1: regoin: there is no such key"),
        ("defaults: {lambda: {memroy: 1}}\n", "functions have no such key"),
        ("stages: {dev: {stages: {}}}\n", "there is no such key"),
        ("stages: [dev]\n", "must have keys below it"),
        ("region: [a\n", "invalid YAML"),
        ("account_id: yes\n", "must be text; put it in quotes"),
        ("defaults: {lambda: {description: '${x}'}}\n", "there is no ${x}"),
    ],
)
def test_problems_of_the_configuration_have_a_position(
    home: Path, text: str, expected: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolved(home, configured(home, text))
    assert expected in caught.value.problem


def test_a_stage_that_is_not_configured_is_refused(home: Path) -> None:
    with pytest.raises(ConfigurationError, match="no stage live"):
        read_settings(configured(home), "live")
    assert read_settings({}, "live").stage == "live"


def test_the_configuration_is_where_xdg_says(home: Path) -> None:
    assert config_path({"HOME": "/h"}).as_posix() == "/h/.config/scar/config.yaml"
    assert config_path({"XDG_CONFIG_HOME": "/c"}).as_posix() == "/c/scar/config.yaml"
    assert config_path({"SCAR_CONFIG": "/x.yaml"}).as_posix() == "/x.yaml"


def substituted(home: Path, value: str, **known: str) -> tuple[str, ResolvedDocument]:
    text = FDL.replace("name: crop", f"name: crop\n      description: {value}")
    (home / "f.yaml").write_text(text)
    found = resolve_file(home / "f.yaml", LoadContext(variables=TemplateVariables(**known)))
    return found.document.functions.aws[0].lambda_.description, found


def test_variables_are_substituted_and_can_be_escaped(home: Path) -> None:
    value = "'${stage} $${stage} ${region} $x'"
    assert substituted(home, value, stage="dev", region="r")[0] == "dev ${stage} r $x"


def test_unknown_variables_have_an_assumed_value(home: Path) -> None:
    text, found = substituted(home, "'${account_id} ${region}'")
    assert text == "000000000000 us-east-1"
    assert found.assumed_variables == {"account_id", "region"}


@pytest.mark.parametrize(
    ("value", "expected"), [("'${acount}'", "there is no ${acount}"), ("'${stage}'", "--stage")]
)
def test_variables_without_a_value_are_problems_with_a_position(
    home: Path, value: str, expected: str
) -> None:
    with pytest.raises(InvalidFdlError) as caught:
        substituted(home, value)
    assert f"f.yaml:5:7: functions.aws[0].lambda.description: {expected}" in (
        caught.value.problem.replace("no stage is set: use ", "")
    )


def test_other_problems_are_reported_with_those_of_variables(home: Path) -> None:
    text = FDL.replace("memory: 256", "memory: lots\n      input: [{path: 'in-${stag}'}]")
    with pytest.raises(InvalidFdlError) as caught:
        resolved(home, {}, text)
    assert [(f.position.line, f.key.rpartition(".")[2]) for f in caught.value.problems] == [
        (5, "memory"),
        (6, "path"),
    ]


def test_the_file_s_own_region_is_its_variable(home: Path) -> None:
    text = FDL.replace("name: crop", "name: crop-${region}\n      region: eu-south-2")
    (home / "f.yaml").write_text(text)
    weak = LoadContext(variables=TemplateVariables(default_region="us-west-2"))
    assert resolve_file(home / "f.yaml", weak).document.functions.aws[0].lambda_.name == (
        "crop-eu-south-2"
    )


OLD = """{"scar": {"config_version": "1.0.9"}, "aws": {
 "iam": {"boto_profile": "default", "role": "arn:aws:iam::1:role/r"},
 "lambda": {"boto_profile": "lab", "region": "us-west-2", "memory": 700, "layers": [],
  "frobnicate": 1},
 "batch": {"compute_resources": {"instance_types": ["m3.medium"], "subnets": [""], "max_v_cpus": 9}}
}}"""


def test_supported_values_of_scar_s_old_configuration_are_used(home: Path) -> None:
    (home / ".scar").mkdir()
    (home / ".scar" / "scar.cfg").write_text(OLD)
    environment = {"HOME": str(home)}
    settings = read_settings(environment)
    assert (settings.region, settings.profile) == ("us-west-2", "lab")
    assert len(settings.notes) == 1
    assert "lambda.frobnicate" in settings.notes[0]
    shown = origins(resolved(home, environment, FDL.replace("      memory: 256\n", "")))
    assert shown["iam.role"] == ("arn:aws:iam::1:role/r", str(home / ".scar" / "scar.cfg"))
    assert shown["lambda.memory"][0] == 700
    assert shown["batch.compute_resources.max_v_cpus"][0] == 9
    assert shown["batch.compute_resources.instance_types"] == ([], "default")


@pytest.mark.parametrize("name", [".scar", ".config", ".config/scar"])
def test_a_file_where_a_folder_of_settings_would_be_is_no_settings(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / "user" / name
    path.parent.mkdir(parents=True)
    path.write_text("of another program\n")
    assert read_settings({"HOME": str(tmp_path / "user")}) == UserSettings()


@pytest.mark.parametrize("name", [".scar/scar.cfg", ".config/scar/config.yaml"])
def test_a_folder_where_a_file_of_settings_would_be_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "user" / name).mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory") as caught:
        read_settings({"HOME": str(tmp_path / "user")})
    assert "Errno" not in caught.value.problem


def test_an_old_configuration_that_is_not_json_is_an_error(home: Path) -> None:
    (home / ".scar").mkdir()
    (home / ".scar" / "scar.cfg").write_text("{")
    with pytest.raises(ConfigurationError, match="not JSON"):
        read_settings({"HOME": str(home)})


SOME = st.recursive(
    st.integers() | st.lists(st.integers(), max_size=2),
    lambda inner: (
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3) | st.lists(inner, max_size=2)
    ),
    max_leaves=8,
)
VALUES = st.dictionaries(st.sampled_from("abc"), SOME, max_size=3)


@given(st.lists(VALUES, max_size=3))
def test_every_value_is_from_the_last_layer_that_has_it(layers: list[dict[str, Any]]) -> None:
    result, sources = merge_layers(
        [SettingsLayer(source=str(n), values=v) for n, v in enumerate(layers)]
    )
    for location, source in sources.items():
        value: Any = result
        of_layer: Any = layers[int(source)]
        for key in location:
            value, of_layer = value[key], of_layer[key]
        assert value == of_layer


@pytest.mark.parametrize(
    ("key", "short", "value"),
    [
        ("tmpfs", "{path: /scratch, size: 64}", "size"),
        ("retry", "{exit_code: 75, attempts: 2}", "attempts"),
        ("overrides", "{match: {suffix: .bam}, memory: 6000}", "memory"),
        ("compute_environments", "{max_v_cpus: 8}", "max_v_cpus"),
    ],
)
def test_a_single_mapping_for_a_list_has_its_line_as_the_source(
    home: Path, key: str, short: str, value: str
) -> None:
    text = f"{FDL}    batch:\n      {key}: {short}\n"
    found = origins(resolved(home, {"HOME": str(home)}, text))
    assert found[f"batch.{key}[0].{value}"][1] == f"{home}/f.yaml:10"


def test_the_keys_that_a_short_form_does_not_set_are_defaults(home: Path) -> None:
    text = f"{FDL}    batch:\n      compute_resources: {{disk: 500}}\n"
    found = origins(resolved(home, {"HOME": str(home)}, text))
    assert found["batch.compute_resources.disk.size"] == (500, f"{home}/f.yaml:10")
    assert found["batch.compute_resources.disk.type"] == ("gp3", "default")


def test_a_problem_in_a_single_mapping_for_a_list_has_its_column(home: Path) -> None:
    text = f"{FDL}    batch:\n      tmpfs: {{path: /scratch, size: 0}}\n"
    with pytest.raises(InvalidFdlError) as caught:
        resolved(home, {"HOME": str(home)}, text)
    (problem,) = caught.value.problems
    assert (problem.position.line, problem.position.column) == (10, 31)
