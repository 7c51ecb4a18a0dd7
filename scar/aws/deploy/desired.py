"""Compile the desired resources of a deployment: build the images, and inspect the account."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from scar.aws.account.account_state import inspect_account
from scar.aws.compile import compiler, failure_handler
from scar.aws.compile.function_config import function_config
from scar.aws.validation import account_checks, deployment_checks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from scar.aws.account.account_state import AccountState
    from scar.aws.client.connection import AwsConnection
    from scar.aws.handlers.image_store import ImageBuilder
    from scar.aws.model.account import Account
    from scar.aws.model.function import Function
    from scar.aws.model.resources import Resource
    from supervisor.model import FunctionConfig, ImageDefaults


def compile_desired(
    functions: Sequence[Function],
    connection: AwsConnection,
    images: ImageBuilder,
    report: Callable[[str], None],
) -> tuple[tuple[Resource, ...], AccountState]:
    """Build the images while the account is inspected; return the resources that must exist.

    Report warnings about the account's state; raise NotDeployableError for its errors.
    """
    account, digests = connection.account, {}
    with ThreadPoolExecutor(1) as pool:
        inspection = pool.submit(inspect_account, connection, functions)
        for function in functions:
            report(f"Composing the image of {function.name}…")
            digests[function.name] = images.compose(
                function, _config_builder(function, account, inspection)
            )
        if (handler := failure_handler.handler_function(functions)) is not None:
            digests[handler.name] = images.compose(
                handler, lambda image: failure_handler.handler_config(account, image)
            )
        account_state = inspection.result()
    deployment_checks.raise_if_any(account_checks.find_errors(functions, account_state))
    for warning in account_checks.find_warnings(functions, account_state):
        report(f"Warning: {warning}")
    return compiler.compile_resources(
        functions,
        account,
        images=digests,
        networks=account_state.job_networks,
        kms_keys=account_state.kms_keys,
        file_systems=account_state.file_system_ids,
    ), account_state


def _config_builder(
    function: Function, account: Account, inspection: Future[AccountState]
) -> Callable[[ImageDefaults], FunctionConfig]:
    """Return the function that creates ``function.json`` for the function's image.

    With Batch it waits for the network: ``function.json`` names the job queue, and the queue's
    name is the hash of its compute environment, network included.
    """

    def build_config(image: ImageDefaults) -> FunctionConfig:
        network = inspection.result().job_networks[function.name] if function.batch else None
        return function_config(function, account, image, network)

    return build_config
