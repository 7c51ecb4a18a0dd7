"""Convert an FDL document to functions.

The only module of this package that reads files: the user data of instances, and policies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.compile.stores import provider_config, stored_secrets
from scar.aws.model.function import Function
from scar.fdl.values.policy_files import read_policy
from supervisor.model import ExecutionMode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.fdl.model import AwsFunction, FdlDocument, StorageProviders
    from scar.hidden_text import HiddenText

_NO_VARIABLES: Mapping[str, HiddenText] = {}


def functions_of(
    document: FdlDocument, secret_variables: Mapping[str, HiddenText] = _NO_VARIABLES
) -> tuple[Function, ...]:
    """Return the enabled functions in the document's order, with the content of their files.

    ``secret_variables`` are the values of ``${env:NAME}``, which a deployment alone needs.
    """
    providers = document.storage_providers
    return tuple(
        _build_function(spec, providers, secret_variables)
        for spec in document.functions.aws
        if spec.enabled
    )


def disabled_functions(document: FdlDocument) -> tuple[str, ...]:
    """Return the names of the functions that must not be deployed."""
    return tuple(spec.lambda_.name for spec in document.functions.aws if not spec.enabled)


def _build_function(
    spec: AwsFunction, providers: StorageProviders, secret_variables: Mapping[str, HiddenText]
) -> Function:
    # The FDL's model has a Batch section, with defaults, for functions in the mode `lambda` too.
    has_batch = spec.lambda_.execution_mode is not ExecutionMode.LAMBDA and spec.batch.enabled
    user_data = spec.batch.compute_resources.user_data
    if not spec.lambda_.container.create_image:  # its script is in the image
        spec = spec.model_copy(
            update={"lambda_": spec.lambda_.model_copy(update={"init_script": None})}
        )
    name, used = spec.lambda_.name, providers.used_by((*spec.lambda_.input, *spec.lambda_.output))
    secrets = {
        parameter: value
        for provider, entry in used.items()
        for parameter, value in stored_secrets(name, provider, entry, secret_variables).items()
    }
    return Function(
        lambda_=spec.lambda_
        if has_batch
        else spec.lambda_.model_copy(update={"execution_mode": ExecutionMode.LAMBDA}),
        iam=spec.iam,
        cloudwatch=spec.cloudwatch,
        ecr=spec.ecr,
        batch=spec.batch if has_batch else None,
        endpoint=spec.api_gateway if spec.api_gateway.is_used else None,
        user_data=user_data.read_text() if has_batch and user_data else "",
        inline_policies=tuple(
            sorted(read_policy(policy) for policy in spec.iam.policies if policy[:4] != "arn:")
        ),
        providers=tuple(provider_config(name, *item) for item in used.items()),
        stored_secrets=tuple(sorted(secrets.items(), key=lambda item: item[0])),
    )
