"""Any number of functions: nested conditions, CloudFormation's quotas, several stacks."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.export import conditions, pseudo_parameters, quotas
from scar.aws.export.desired import compile_for_template, find_owners
from scar.aws.export.parameters import image_parameter
from scar.aws.export.stacks import divide_resources, export_functions
from scar.aws.export.template import export_template
from scar.aws.model import limits, names, resources
from scar.aws.model.account import Account
from scar.aws.validation.deployment_checks import check_functions
from scar.aws.validation.loop_checks import check_deployed_loops, links_of
from scar.fdl.model import BatchSpec, ComputeResourcesSpec, EnvironmentSpec, StorageSpec
from supervisor.model import ExecutionMode
from tests.calls import count_calls
from tests.fakes.functions import new_function

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.aws.model.function import Function

pytestmark = pytest.mark.long

ACCOUNT = Account("123456789012", "eu-west-1")
ANYWHERE = pseudo_parameters.account_with_marks("", "")
ROLE = "arn:aws:iam::123456789012:role/mine"
PREBUILT = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/apps/crop:1"


def mixed_function(number: int) -> Function:
    """Return a function of one of five kinds."""
    name = f"f-{number}"
    batch = BatchSpec(compute_resources=ComputeResourcesSpec(type="FARGATE", max_v_cpus=4))
    match number % 5:
        case 0:
            return new_function(name=name, image="x", role=ROLE)
        case 1:
            return new_function(name=name, image=PREBUILT, create_image=False, role=ROLE)
        case 2:
            source = StorageSpec(path=f"photos/in-{number}")
            return new_function(name=name, image="x", input=(source,), output=())
        case 3:
            mode = ExecutionMode.LAMBDA_BATCH
            return new_function(name=name, image="x", role=ROLE, execution_mode=mode, batch=batch)
        case _:
            return new_function(name=name, image="x", output=(StorageSpec(path="films/out"),))


def functions(count: int) -> list[Function]:
    return [mixed_function(number) for number in range(count)]


def chain_of_functions(count: int) -> list[Function]:
    """Return functions each of which starts the next, in folders of one bucket."""
    return [
        new_function(
            name=f"f-{n}",
            image="x",
            input=(StorageSpec(path=f"photos/{n:03}"),),
            output=(StorageSpec(path=f"photos/{n + 1:03}/out"),),
        )
        for n in range(count)
    ]


def _check_chain(chain: list[Function]) -> None:
    assert list(check_functions(chain)) == []
    links = [links_of(function) for function in chain]
    assert list(check_deployed_loops(links[:1], links[1:])) == []


def export_one(count: int, account: Account = ACCOUNT) -> dict[str, Any]:
    (exported,) = export_functions(functions(count), account, 1)
    return exported.template


def lint(template: Mapping[str, Any], region: str = "") -> list[str]:
    from cfnlint import api as cfnlint  # 50 MiB, for the worker that runs this only

    found = cfnlint.lint(json.dumps(template), regions=[region] if region else None)
    return [f"{match.rule.id} {match.message}" for match in found]


@pytest.mark.parametrize("count", [1, 2, 3, 10, 11, 60])
def test_cfn_lint_accepts_any_number_of_functions(count: int) -> None:
    assert lint(export_one(count), ACCOUNT.region) == []


@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1", "us-gov-west-1"])
def test_cfn_lint_accepts_many_functions_in_several_regions(region: str) -> None:
    account = pseudo_parameters.account_with_marks("", region)
    assert lint(export_one(12, account), region) == []


def test_cfn_lint_accepts_each_of_several_stacks() -> None:
    # Each stack has more images than a condition of CloudFormation has operands.
    exported = export_functions(functions(36), ANYWHERE, 3)
    assert len(exported) == 3
    assert [lint(one.template, ACCOUNT.region) for one in exported] == [[], [], []]


def evaluate(condition: Any, all_conditions: Mapping[str, Any], values: Mapping[str, str]) -> bool:  # noqa: ANN401 - any JSON
    """Evaluate a condition as CloudFormation does, with its limits on operands."""
    ((operator, operands),) = condition.items()
    match operator:
        case "Condition":
            return evaluate(all_conditions[operands], all_conditions, values)
        case "Fn::Equals":
            one, other = (values[o["Ref"]] if isinstance(o, dict) else o for o in operands)
            return one == other
        case "Fn::Not":
            (only,) = operands
            return not evaluate(only, all_conditions, values)
        case "Fn::And" | "Fn::Or":
            assert 2 <= len(operands) <= 10
            combine = all if operator == "Fn::And" else any
            return combine(evaluate(o, all_conditions, values) for o in operands)
        case _:
            raise AssertionError(operator)


@given(
    count=st.integers(1, 1100),
    unset=st.sets(st.integers(0, 1099), max_size=3),
    wanted=st.booleans(),
)
def test_the_conditions_are_true_only_if_every_image_is_pushed(
    count: int, unset: set[int], wanted: bool
) -> None:
    parameters = [f"Image{number}" for number in range(count)]
    values = {name: "" if n in unset else "sha256:x" for n, name in enumerate(parameters)}
    values[conditions.CREATE_BUCKETS_PARAMETER] = str(wanted).lower()
    every = conditions.build_conditions(
        parameters, {conditions.IMAGES_PUSHED, conditions.CREATE_BUCKETS}
    )
    are_pushed = all(values[name] for name in parameters)
    found = {name: evaluate(condition, every, values) for name, condition in every.items()}
    assert found == {
        conditions.IMAGES_PUSHED: are_pushed,
        conditions.CREATE_BUCKETS: are_pushed and wanted,
    }


def test_conditions_and_parameters_without_use_are_left_out() -> None:
    only_bucketless = new_function(name="f", image="x", role=ROLE)
    (exported,) = export_functions([only_bucketless], ACCOUNT, 1)
    assert set(exported.template["Conditions"]) == {conditions.IMAGES_PUSHED}
    assert conditions.CREATE_BUCKETS_PARAMETER not in exported.template["Parameters"]
    bare = export_template([resources.StateBucket(name="scar-1-r")], ACCOUNT.region).template
    assert not {"Conditions", "Parameters"} & bare.keys()
    assert conditions.build_conditions([], {conditions.CREATE_BUCKETS}) == {
        conditions.CREATE_BUCKETS: {
            "Fn::Equals": [{"Ref": conditions.CREATE_BUCKETS_PARAMETER}, "true"]
        }
    }


def test_a_function_with_a_prebuilt_image_waits_for_its_digest_too() -> None:
    (exported,) = export_functions([mixed_function(1)], ACCOUNT, 1)
    (function,) = (
        entry
        for entry in exported.template["Resources"].values()
        if entry["Type"] == "AWS::Lambda::Function" and entry["Properties"]["FunctionName"] == "f-1"
    )
    assert image_parameter("f-1") in json.dumps(function["Properties"]["Code"])
    assert function["Condition"] == conditions.IMAGES_PUSHED


@pytest.mark.parametrize(
    ("account", "host"),
    [
        (ACCOUNT, "123456789012.dkr.ecr.eu-west-1.amazonaws.com/"),
        (ANYWHERE, "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/"),
        (
            pseudo_parameters.account_with_marks("", "cn-north-1"),
            "${AWS::AccountId}.dkr.ecr.cn-north-1.amazonaws.com.cn/",
        ),
    ],
    ids=["known", "any", "china"],
)
def test_the_registry_is_that_of_the_stack_s_partition(account: Account, host: str) -> None:
    (exported,) = export_functions([mixed_function(2)], account, 1)
    uris = [
        entry["Properties"]["Code"]["ImageUri"]["Fn::Sub"]
        for entry in exported.template["Resources"].values()
        if entry["Type"] == "AWS::Lambda::Function"
    ]
    assert len(uris) == 2
    assert all(uri.startswith(host) for uri in uris)


def test_too_many_resources_are_refused_with_the_number_of_stacks() -> None:
    with pytest.raises(quotas.TemplateQuotaError) as caught:
        export_one(110)
    assert "it has" in caught.value.problem
    assert "resources, and the quota is 500" in caught.value.problem
    assert "--stacks 2 -o FILE" in caught.value.remedy
    assert len(export_functions(functions(110), ACCOUNT, 2)) == 2


def test_too_many_parameters_are_refused() -> None:
    many = [new_function(name=f"f{n}", image=PREBUILT, create_image=False, role=ROLE)
            for n in range(201)]  # fmt: skip
    with pytest.raises(quotas.TemplateQuotaError, match="201 parameters, and the quota is 200"):
        export_functions(many, ACCOUNT, 1)


def test_one_function_that_is_too_large_cannot_be_divided() -> None:
    variables = {f"V{n}": "x" * 4000 for n in range(1)}
    inputs = tuple(StorageSpec(path=f"photos/{'y' * 900}/{n}") for n in range(400))
    huge = new_function(
        name="huge", image="x", environment=EnvironmentSpec(Variables=variables), input=inputs
    )
    with pytest.raises(quotas.TemplateQuotaError) as caught:
        export_functions([huge], ACCOUNT, 1)
    assert "bytes, and the quota is 1,000,000" in caught.value.problem
    assert "`scar init`" in caught.value.remedy


def test_a_template_that_is_too_large_for_a_request_is_recognized() -> None:
    for count, is_inline in ((1, True), (60, False)):
        (exported,) = export_functions(functions(count), ACCOUNT, 1)
        assert quotas.is_inline_size(exported.text) is is_inline
    limit = limits.CLOUDFORMATION_INLINE_TEMPLATE.maximum
    assert quotas.is_inline_size("x" * limit)
    assert not quotas.is_inline_size("x" * (limit + 1))


def test_the_work_for_a_template_grows_with_the_number_of_functions() -> None:
    desired = [compile_for_template(functions(n), ACCOUNT) for n in (50, 100)]
    calls = [count_calls(partial(export_template, one, ACCOUNT.region)) for one in desired]
    assert calls[1] < 2.2 * calls[0]


def test_the_work_for_checks_grows_with_the_number_of_functions() -> None:
    calls = [count_calls(partial(_check_chain, chain_of_functions(n))) for n in (50, 100)]
    assert calls[1] < 2.2 * calls[0]


@given(count=st.integers(1, 12), stacks=st.integers(1, 14))
def test_stacks_divide_the_resources_and_need_no_later_stack(count: int, stacks: int) -> None:
    chosen = functions(count)
    desired = compile_for_template(chosen, ACCOUNT)
    parts = divide_resources(desired, find_owners(chosen, ACCOUNT), stacks)
    assert 1 <= len(parts) <= stacks
    placed = [resource.key for part in parts for resource in part]
    assert sorted(map(str, placed)) == sorted(str(r.key) for r in desired)
    stack_of = {r.key: number for number, part in enumerate(parts) for r in part}
    for resource in desired:
        for other in resource.needs:
            assert stack_of.get(other, 0) <= stack_of[resource.key]


def test_stacks_have_about_the_same_size() -> None:
    chosen = functions(100)
    desired = compile_for_template(chosen, ACCOUNT)
    sizes = [len(p) for p in divide_resources(desired, find_owners(chosen, ACCOUNT), 4)]
    assert len(sizes) == 4
    assert max(sizes) - min(sizes) < 30


def test_the_failure_handler_and_the_state_bucket_are_in_the_first_stack() -> None:
    first, *others = export_functions(functions(20), ACCOUNT, 3)
    names_in = [
        [str(e["Properties"].get("FunctionName") or e["Properties"].get("BucketName"))
         for e in one.template["Resources"].values()]
        for one in (first, *others)
    ]  # fmt: skip
    assert names.FAILURE_HANDLER in names_in[0]
    assert names.state_bucket_name(ACCOUNT) in names_in[0]
    assert "photos" in names_in[-1]
