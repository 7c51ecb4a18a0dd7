"""All secrets of a function: its script's, and those of its stores, read in few requests.

A thousand sandboxes that start at once share Parameter Store's 40 requests a second: so the
first request reads all parameters. Values are kept for the sandbox.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supervisor.aws.secrets import SecretReader
    from supervisor.logs import Log
    from supervisor.model import FunctionConfig

_WEBHOOK_TOKEN = "webhook_token"  # noqa: S105 - the name of an option


@dataclass(frozen=True)
class FunctionSecrets:
    """Opens readers on first use; every method raises SecretError or ConfigError."""

    config: FunctionConfig
    environ: Mapping[str, str]
    log: Log

    def read_for_script(self, until: float | None) -> Mapping[str, str]:
        """Return the values of ``container.secrets`` by variable."""
        return self._script_reader.read(until) if self.config.secrets else {}

    def store_reader(self, provider: str) -> Callable[[], Mapping[str, str]]:
        """Return a function that reads the secrets of a store by option."""
        references = self._references(provider)
        return self._reader_for(provider, references).read if references else dict

    def read_webhook_token(self, provider: str, until: float | None) -> str:
        """Return the token of a store's webhook; empty without one."""
        reference = self._references(provider).get(_WEBHOOK_TOKEN)
        if not reference:
            return ""
        reader = self._reader_for(provider, {_WEBHOOK_TOKEN: reference})
        return reader.read(until)[_WEBHOOK_TOKEN]

    def _references(self, provider: str) -> Mapping[str, str]:
        return next((p.secrets for p in self.config.providers if p.name == provider), {})

    def _reader_for(self, provider: str, references: Mapping[str, str]) -> SecretReader:
        source = f"storage_providers.{provider}"
        return replace(self._script_reader, references=references, source=source)

    @cached_property
    def _script_reader(self) -> SecretReader:
        """The reader whose connections and values all others share."""
        from supervisor.aws import secrets

        others = [text for p in self.config.providers for text in p.secrets.values()]
        reader = secrets.connect(self.config.secrets, self.environ, log=self.log)
        return replace(reader, others=(*self.config.secrets.values(), *others))
