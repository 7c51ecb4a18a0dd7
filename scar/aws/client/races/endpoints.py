"""Races of HTTP APIs and function URLs."""

from __future__ import annotations

from scar.aws.client.races.race import TERRAFORM, Race, pattern, words

ENDPOINT_RACES: tuple[Race, ...] = (
    Race(
        service="apigatewayv2",
        codes=words("ConflictException BadRequestException"),
        message=pattern("concurrent modification"),
        state="API Gateway is still finishing another change of the API",
        remedy="Run the same command again: another program is changing the API.",
        source=TERRAFORM + "apigatewayv2; hashicorp/terraform-provider-aws#18018, #40575",
    ),
    Race(
        service="apigatewayv2",
        operations=words(
            "CreateIntegration CreateRoute CreateStage GetIntegrations GetRoutes GetStages"
            " UpdateApi TagResource"
        ),
        codes=words("NotFoundException"),
        caused_by="http-api",
        only_after_change=True,
        state="API Gateway does not see the new API yet",
        remedy="Run the same command again: another program may have deleted the API.",
        source="observed: issues about APIs used right after their creation",
    ),
    Race(
        service="lambda",
        operations=words("CreateFunctionUrlConfig UpdateFunctionUrlConfig"),
        codes=words("ResourceConflictException"),
        # Not "FunctionUrlConfig exists for this Lambda function": that does not pass.
        message=pattern("in progress", "currently in the following state", "is being updated"),
        state="Lambda is still finishing an earlier change of the function",
        remedy="Run the same command again once the function's last update has ended.",
        source=TERRAFORM + "lambda/function_url.go",
    ),
    Race(
        service="lambda",
        operations=words("CreateFunctionUrlConfig"),
        codes=words("ResourceNotFoundException"),
        caused_by="function",
        parameter="FunctionName",
        only_after_change=True,
        state="Lambda does not see the new function yet",
        remedy="Run the same command again: another program may have deleted the function.",
        source="observed: as of AddPermission",
    ),
)
