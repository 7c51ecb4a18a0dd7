"""Parameters of Parameter Store, with the secrets of a function's stores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from scar.aws.model.resources.base import Resource
from scar.hidden_text import NO_TEXT, HiddenText

SECURE_STRING = "SecureString"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretParameter(Resource):
    """A parameter ``/scar/<function>/<provider>/<key>``, encrypted with the key ``aws/ssm``.

    ``value`` is empty if it was not read. Parameter Store does not change the type of a parameter:
    one that another tool made as plain text is replaced.
    """

    kind: ClassVar[str] = "secret-parameter"
    create_only: ClassVar[frozenset[str]] = frozenset({"type"})

    value: HiddenText = NO_TEXT
    type: str = SECURE_STRING

    @property
    def function(self) -> str:
        return self.name.split("/")[2]
