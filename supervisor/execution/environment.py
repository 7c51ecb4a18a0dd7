"""The variables that a script sees. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.model import FunctionConfig

# The launcher renames variables that would break the supervisor's own Python.
RENAMED = "SCARX_"
# How the supervisor is told what to do; nothing for scripts.
INTERNAL = frozenset(
    {"SCAR_HOME", "SCAR_EVENT", "SCAR_EVENT_URL", "SCAR_RUN_DATE", "SCAR_REQUEST_ID"}
    | {"AWS_LAMBDA_RUNTIME_API", "_HANDLER", "_LAMBDA_TELEMETRY_LOG_FD"}
)
# What only Python's own start adds (UTF-8 mode, locale coercion) is not in the real environment.


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What is known about one run; the optional ones are left out when empty."""

    run_id: str
    request_id: str
    site: str
    attempt: int
    event: str
    input_dir: str
    output_dir: str
    input_file: str = ""
    object_key: str = ""
    event_time: str = ""
    deadline: float | None = None
    instance_ip: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


# Linux refuses to start a program with a variable longer than 128 KiB, name included.
LONGEST = 128 * 1024 - 64


def script_environment(
    config: FunctionConfig, process: Mapping[str, str], facts: RunFacts
) -> dict[str, str]:
    """Lay the FDL's variables over the process's own, and the run's over both.

    The image's own variables come first, then what Lambda or Batch set, without what is the
    supervisor's. A variable that cannot be passed on (a NUL in it, or ``EVENT`` above
    128 KiB) is left out; the event is in no way lost, its content is in files.
    """
    own = {name: value for name, value in process.items() if name not in INTERNAL}
    for name in [name for name in own if name.startswith(RENAMED)]:
        own[name.removeprefix(RENAMED)] = own.pop(name)
    every = {**config.image.environment, **own, **config.environment, **_facts(config, facts)}
    return {name: value for name, value in every.items() if _can_be_passed(name, value)}


def _facts(config: FunctionConfig, facts: RunFacts) -> dict[str, str]:
    always = {
        "TMP_INPUT_DIR": facts.input_dir,
        "TMP_OUTPUT_DIR": facts.output_dir,
        "EVENT": facts.event,
        "REQUEST_ID": facts.request_id,
        "AWS_LAMBDA_REQUEST_ID": facts.request_id,
        "SCAR_RUN_ID": facts.run_id,
        "SCAR_FUNCTION": config.name,
        "SCAR_SITE": facts.site,
        "SCAR_ATTEMPT": str(facts.attempt),
    }
    sometimes = {
        "INPUT_FILE_PATH": facts.input_file,
        "STORAGE_OBJECT_KEY": facts.object_key,
        "EVENT_TIME": facts.event_time,
        "INSTANCE_IP": facts.instance_ip,
        "SCAR_DEADLINE": "" if facts.deadline is None else f"{facts.deadline:.3f}",
    }
    parameters = {f"CONT_VAR_{name}": value for name, value in facts.parameters.items()}
    return {**parameters, **always, **{name: value for name, value in sometimes.items() if value}}


def _can_be_passed(name: str, value: str) -> bool:
    if not name or "=" in name or "\0" in name or "\0" in value:
        return False
    return len(name) + len(value.encode("utf-8", "surrogatepass")) <= LONGEST
