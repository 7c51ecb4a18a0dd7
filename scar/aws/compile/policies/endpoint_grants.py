"""What the caller is granted for HTTP endpoints, and the statements of a function's roles.

API Gateway's actions are HTTP methods on the paths of its own API. Tags are resources too, of
CreateApi with tags as well: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-iam-policy-examples.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.compile.policies.document import allow_statement
from scar.aws.compile.policies.grant import Grant
from scar.aws.compile.policies.patterns import literal_pattern

if TYPE_CHECKING:
    from scar.aws.compile.policies.data_flow import BucketFolder, DataFlow
    from scar.aws.compile.policies.document import PolicyStatement

ENDPOINT_GRANTS: tuple[Grant, ...] = (
    # APIs have generated ids: they are listed to be found by their tags.
    Grant(
        "api paths",
        (
            "apigatewayv2:GetApis",
            "apigatewayv2:GetIntegrations",
            "apigatewayv2:GetRoutes",
            "apigatewayv2:GetStages",
        ),
        feature="endpoints",
    ),
    # Allowed with conditions on the tag of the function.
    Grant("new apis", ("apigatewayv2:CreateApi",), feature="endpoints"),
    Grant("apis", ("apigatewayv2:DeleteApi", "apigatewayv2:UpdateApi"), feature="endpoints"),
    # Errors of AWS name the methods or the actions of this name.
    Grant(
        "api tags",
        ("apigatewayv2:TagResource",),
        extra_actions=("apigateway:POST", "apigateway:PUT"),
        feature="endpoints",
    ),
    # Removing a tag gives no identity more rights.
    Grant(
        "removed api tags",
        ("apigatewayv2:UntagResource",),
        extra_actions=("apigateway:DELETE",),
        feature="endpoints",
    ),
    # Only of REST APIs it is documented that what is below an API has its tags.
    Grant(
        "api parts",
        (
            "apigatewayv2:CreateIntegration",
            "apigatewayv2:CreateRoute",
            "apigatewayv2:CreateStage",
            "apigatewayv2:UpdateIntegration",
            "apigatewayv2:UpdateRoute",
            "apigatewayv2:UpdateStage",
        ),
        feature="endpoints",
    ),
    Grant(
        "deleted api parts",
        ("apigatewayv2:DeleteCorsConfiguration", "apigatewayv2:DeleteRoute"),
        feature="endpoints",
    ),
    # `lambda:InvokeFunction`, which a signed request needs too, is among those of functions.
    Grant(
        "functions",
        (
            "lambda:CreateFunctionUrlConfig",
            "lambda:DeleteFunctionUrlConfig",
            "lambda:GetFunctionUrlConfig",
            "lambda:UpdateFunctionUrlConfig",
        ),
        feature="endpoints",
    ),
    Grant("functions", (), extra_actions=("lambda:InvokeFunctionUrl",), feature="signed urls"),
    # An API without authentication needs no permission of its caller.
    Grant("called apis", (), extra_actions=("execute-api:Invoke",), feature="signed apis"),
)


def endpoint_statements(flow: DataFlow) -> list[PolicyStatement]:
    """Allow what a function with an endpoint does in Lambda.

    It invokes itself for asynchronous calls. It signs requests for uploads of bodies and downloads
    of results with its role, which therefore must allow these, too.
    """
    own = flow.account.arn("lambda", f"function:{flow.function}")
    folders = [_objects(flow, folder) for folder in (flow.request_bodies, flow.request_results)]
    return [
        allow_statement("lambda:InvokeFunction", Resource=own),
        allow_statement("s3:GetObject", "s3:PutObject", Resource=folders),
    ]


def job_endpoint_statements(flow: DataFlow) -> list[PolicyStatement]:
    """Allow to read the body of a request whose run continues in Batch."""
    return [allow_statement("s3:GetObject", Resource=_objects(flow, flow.request_bodies))]


def _objects(flow: DataFlow, folder: BucketFolder) -> str:
    return flow.account.s3_arn(f"{folder.bucket}/{literal_pattern(folder.prefix)}*")
