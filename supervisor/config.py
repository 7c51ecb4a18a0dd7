"""Format of ``function.json``, which deployment writes and the supervisor reads."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from supervisor.errors import ConfigError
from supervisor.model import (
    BucketEncryption,
    ExecutionMode,
    FunctionConfig,
    ImageDefaults,
    InputRule,
    OutputRule,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from supervisor.connections import EndpointConfig, ProviderConfig
    from supervisor.job_model import BatchTarget

FORMAT_VERSION = 1
# Of the function: left out if not set. The text is part of the image of every function, and would
# make another image of it.
_OPTIONAL_FIELDS = frozenset({"cluster", "secrets", "endpoint", "providers", "extra_payload"})
# Fields of the Batch target that are written even if they are empty.
_BATCH_FIELDS = frozenset({"queue", "definition", "memory", "larger"})


def function_config_key(function: str) -> str:
    """Return the key of a function's configuration for the failure handler (state bucket)."""
    return f"functions/{function}.json"


def bucket_owners(config: FunctionConfig) -> dict[str, str]:
    """Return the expected owner of every S3 bucket that the function writes to: its own account.

    Without the expected owner, records and outputs would go to another account after a bucket was
    deleted and its name taken there. Empty for a state bucket with a custom name.
    """
    account, _ = account_and_region(config.state_bucket)
    if not account:
        return {}
    # Buckets of other stores belong to whom they belong: they know no account ids.
    output_buckets = {
        rule.target("").bucket
        for rule in config.outputs
        if config.store_name(rule.provider) == "s3"
    }
    return dict.fromkeys((config.state_bucket, *output_buckets), account)


def account_and_region(state_bucket: str) -> tuple[str, str]:
    """Return what the state bucket's name, ``scar-<account>-<region>``, says; else empty texts.

    Custom names (tests, local stores) contain no account id: then there is no expectation.
    """
    account, _, region = state_bucket.removeprefix("scar-").partition("-")
    is_state = state_bucket.startswith("scar-") and len(account) == 12 and account.isdigit()
    return (account, region) if is_state and region[-1:].isdigit() else ("", "")


def config_to_json(config: FunctionConfig) -> str:
    """Return the configuration as JSON; equal configurations give equal text."""
    fields = {k: v for k, v in asdict(config).items() if v or k not in _OPTIONAL_FIELDS}
    if config.batch is not None:
        # A failure handler of an earlier release refuses fields that it does not know.
        fields["batch"] = {
            name: value for name, value in fields["batch"].items() if value or name in _BATCH_FIELDS
        }
    return json.dumps({"format": FORMAT_VERSION, **fields}, sort_keys=True, indent=1) + "\n"


def parse_config(text: str) -> FunctionConfig:
    """Parse the text of ``config_to_json``; raise ConfigError for anything else."""
    try:
        data = json.loads(text)
        if data.pop("format") != FORMAT_VERSION:
            raise ConfigError(
                "The function was deployed by another release of scar.",
                remedy="Run `scar init` again with the installed release.",
            )
        return _build_config(data)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"function.json is damaged: {error!r}.", remedy="Run `scar init` again."
        ) from error


def _build_config(data: dict[str, Any]) -> FunctionConfig:
    image = data.pop("image")
    batch = data.pop("batch")
    endpoint, providers = data.pop("endpoint", None), data.pop("providers", ())
    return FunctionConfig(
        **{
            **data,
            "mode": ExecutionMode(data["mode"]),
            "inputs": tuple(InputRule(**rule) for rule in data.get("inputs", ())),
            "outputs": tuple(
                OutputRule(
                    **{**rule, "prefix": tuple(rule["prefix"]), "suffix": tuple(rule["suffix"])}
                )
                for rule in data["outputs"]
            ),
            "encryption": tuple(BucketEncryption(**item) for item in data.get("encryption", ())),
        },
        image=ImageDefaults(
            **{
                **image,
                "entrypoint": tuple(image["entrypoint"]),
                "command": tuple(image["command"]),
            }
        ),
        batch=_build_batch_target(batch) if batch else None,
        endpoint=_build_endpoint(endpoint) if endpoint else None,
        providers=_build_providers(providers),
    )


def _build_endpoint(data: dict[str, Any]) -> EndpointConfig:
    # Imported here: most functions have no endpoint, and the time of a start counts.
    from supervisor.connections import EndpointAuthentication, EndpointConfig, EndpointKind

    return EndpointConfig(
        kind=EndpointKind(data["kind"]),
        authentication=EndpointAuthentication(data["authentication"]),
        max_body=int(data["max_body"]),
        allow_origins=tuple(data["allow_origins"]),
    )


def _build_providers(items: Sequence[dict[str, Any]]) -> tuple[ProviderConfig, ...]:
    if not items:
        return ()
    from supervisor.connections import ProviderConfig

    return tuple(ProviderConfig(**item) for item in items)


def _build_batch_target(data: dict[str, Any]) -> BatchTarget:
    # Imported here: functions that run in Lambda only have none, and the time of a start counts.
    from supervisor.job_model import build_batch_target

    return build_batch_target(data)
