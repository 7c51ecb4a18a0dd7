"""Download a run's input; build the script's environment and the outputs' metadata."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.errors import ChainTooLong
from supervisor.execution.environment import RunVariables, build_environment
from supervisor.execution.outputs import (
    HOPS_KEY,
    INPUT_KEY,
    RECOVERED_KEY,
    ROOT_KEY,
    RUN_KEY,
    SEQUENCER_KEY,
)
from supervisor.execution.workspace import safe_file_name
from supervisor.invocation import ObjectEvent
from supervisor.runs import record_format

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supervisor.execution.workspace import Workspace
    from supervisor.invocation import Invocation, RunPath, Trigger
    from supervisor.model import FunctionConfig
    from supervisor.ports import ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """One run and its trigger; ``stop_at`` is the deadline less ``timeout_threshold``."""

    config: FunctionConfig
    invocation: Invocation
    trigger: Trigger
    run: RunPath
    stop_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedInput:
    """The path of the input file (empty: none) and the metadata of the outputs."""

    path: str
    metadata: Mapping[str, str]


def stage_in(
    context: RunContext, workspace: Workspace, open_store: Callable[[str], ObjectStore]
) -> StagedInput:
    """Create the input file; raise ObjectChanged, StorageError, ChainTooLong."""
    trigger, run = context.trigger, str(context.run)
    if not isinstance(trigger, ObjectEvent):
        metadata = {RUN_KEY: run, ROOT_KEY: run, HOPS_KEY: "1"}
        if trigger.payload is None:
            return StagedInput(path="", metadata=metadata)
        file = workspace.inputs / trigger.file_name
        file.write_bytes(trigger.payload)
        return StagedInput(path=str(file), metadata=metadata)
    source = trigger.source
    file = workspace.inputs / safe_file_name(source.key)
    stored = open_store(source.provider).download(source, file, version=trigger.version)
    # The number of runs in the chain is in the metadata of each output, so that a chain across
    # functions, deployments and buckets ends too.
    hops = _parse_hops(stored.metadata)
    if hops >= context.config.max_hops:
        raise ChainTooLong(
            f"{source} is the result of a chain of {hops} runs; {context.config.max_hops} are"
            " allowed.",
            remedy="Check whether outputs of a function return to its own input folder. The limit"
            " holds with allow_loop too: upload the result again to start a new chain.",
        )
    metadata = {
        RUN_KEY: run,
        ROOT_KEY: stored.metadata.get(ROOT_KEY) or run,
        HOPS_KEY: str(hops + 1),
        INPUT_KEY: record_format.input_id(context.config.name, trigger),
        SEQUENCER_KEY: trigger.sequencer,
        RECOVERED_KEY: "true" if trigger.is_recovered else "",
    }
    return StagedInput(path=str(file), metadata={k: v for k, v in metadata.items() if v})


def script_environment(
    context: RunContext, workspace: Workspace, staged: StagedInput, process: Mapping[str, str]
) -> dict[str, str]:
    """Return the complete environment of the script."""
    trigger, owner = context.trigger, context.invocation.owner
    event = trigger if isinstance(trigger, ObjectEvent) else None
    variables = RunVariables(
        run_id=context.run.run_id,
        request_id=owner.request or owner.job,
        service=owner.site.value,
        attempt=owner.attempt,
        event=trigger.event,
        input_dir=str(workspace.inputs),
        output_dir=str(workspace.outputs),
        input_file=staged.path,
        object_key=event.source.key if event else "",
        event_time=event.time if event else "",
        deadline=context.stop_at,
        instance_ip=local_ip_address(),
        trace=context.invocation.trace,
        parameters={} if isinstance(trigger, ObjectEvent) else trigger.parameters,
    )
    return build_environment(context.config, process, variables)


def local_ip_address() -> str:
    """Return the source address of outgoing packets; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # reserved for documentation (RFC 5737)
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def _parse_hops(metadata: Mapping[str, str]) -> int:
    # Anybody may set the metadata of an object: a value that is not a number counts as 0.
    text = metadata.get(HOPS_KEY, "0")
    return int(text) if text.isdecimal() and len(text) < 9 else 0
