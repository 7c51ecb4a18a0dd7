"""Step 10: CloudFormation accepts the template of one function and of twelve."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.acceptance.conftest import Deploy
    from tests.acceptance.kit.deployment import Deployment
    from tests.acceptance.kit.run import AcceptanceRun

pytestmark = pytest.mark.step(10)
MOST_CONDITIONS = 10  # docs: Fn::Or takes 2 to 10 conditions
NO_STACKS = "the local cloud has no CloudFormation"


@pytest.mark.parametrize("count", [1, 12])
def test_the_template_is_accepted(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]], count: int
) -> None:
    functions = [function(f"stack-{count}-{number}", "stack") for number in range(count)]
    exported = deploy(f"stack-{count}", *functions)
    template = exported.scar("export", "-f", "FILE").json()
    assert template["Resources"]
    widths = [len(each) for each in find(template, "Fn::Or")]
    assert all(2 <= width <= MOST_CONDITIONS for width in widths), widths
    if run.is_shown("a stack", reason=NO_STACKS):
        make_stack(run, exported, template, count)


def find(value: object, name: str) -> list[list[Any]]:
    """Return the arguments of every use of an intrinsic function."""
    if isinstance(value, list):
        return [each for item in value for each in find(item, name)]
    if not isinstance(value, dict):
        return []
    here = [value[name]] if name in value else []
    return here + [each for item in value.values() for each in find(item, name)]


def make_stack(
    run: AcceptanceRun, exported: Deployment, template: dict[str, Any], count: int
) -> None:
    """Create the stack without images, compare with scar's own plan, and delete it."""
    bucket, text = run.make_bucket(f"templates-{count}"), json.dumps(template)
    s3, client = run.target.client("s3"), run.target.client("cloudformation")
    s3.put_object(Bucket=bucket, Key="template.json", Body=text.encode())
    url = s3.generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": "template.json"}, ExpiresIn=3600
    )
    name = run.function_name(f"stack-{count}")
    with run.timed("stack"):
        client.create_stack(StackName=name, TemplateURL=url, Capabilities=["CAPABILITY_NAMED_IAM"])
        client.get_waiter("stack_create_complete").wait(StackName=name)
    exported.drift(0)
    client.delete_stack(StackName=name)
    client.get_waiter("stack_delete_complete").wait(StackName=name)
