"""References to secrets, as the FDL's ``container.secrets`` and ``function.json`` have them.

``ssm:/path`` or the ARN of a parameter in Parameter Store, or the ARN of a secret in AWS Secrets
Manager, to which ECS's suffix ``:json-key:version-stage:version-id`` may be added
(https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SECRETS_MANAGER, PARAMETER_STORE = "secretsmanager", "ssm"
_PARAMETER_PREFIX = "ssm:"
# Models: secretsmanager NameType, ssm PSParameterName.
_SECRET_ARN = re.compile(
    r"arn:[\w-]+:secretsmanager:(?P<region>[a-z0-9-]+):\d{12}:secret:[\w/+=.@-]{1,519}"
)
_PARAMETER_ARN = re.compile(
    r"arn:[\w-]+:ssm:(?P<region>[a-z0-9-]+):\d{12}:parameter/[\w./-]{1,1011}"
)
_PARAMETER = re.compile(r"[\w./-]{1,1011}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretReference:
    """One value: ``name`` is an ARN, or the name of a parameter; ``region`` is empty for its own.

    ``json_key`` selects a value of a secret that is a JSON object; ``stage`` and ``version`` select
    another version than the current one. All three are empty by default.
    """

    service: str
    name: str
    region: str = ""
    json_key: str = ""
    stage: str = ""
    version: str = ""


def parse_reference(text: str) -> SecretReference:
    """Parse a reference; raise ValueError for anything else."""
    if text.startswith(_PARAMETER_PREFIX):
        name = text.removeprefix(_PARAMETER_PREFIX)
        if not _PARAMETER.fullmatch(name) or ("/" in name and not name.startswith("/")):
            raise ValueError(
                f"{name!r} is not the name of a parameter: letters, digits and . - _; with a path"
                " it begins with /"
            )
        return SecretReference(service=PARAMETER_STORE, name=name)
    if found := _PARAMETER_ARN.fullmatch(text):
        return SecretReference(service=PARAMETER_STORE, name=text, region=found["region"])
    parts = text.split(":")
    arn, selected = ":".join(parts[:7]), parts[7:]
    if (found := _SECRET_ARN.fullmatch(arn)) and len(selected) in (0, 3):
        json_key, stage, version = selected or ("", "", "")
        return SecretReference(
            service=SECRETS_MANAGER,
            name=arn,
            region=found["region"],
            json_key=json_key,
            stage=stage,
            version=version,
        )
    if found and len(selected) in (1, 2):
        complete = ":".join([arn, *selected, *[""] * (3 - len(selected))])
        raise ValueError(
            f"{text!r} has only a part of :json-key:version-stage:version-id: all three colons are"
            f" needed, as in {complete!r}"
        )
    raise ValueError(
        f"{text!r} is no reference to a secret: ssm:/path, the ARN of a parameter, or the ARN of a"
        " secret in Secrets Manager, also with :json-key:version-stage:version-id"
    )
