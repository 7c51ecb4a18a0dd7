"""Bring a run's input to its folder, and say what the script and the outputs know of it."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.errors import ChainTooLong
from supervisor.execution.environment import RunFacts, script_environment
from supervisor.execution.outputs import HOPS, INPUT, ROOT, RUN, SEQUENCER
from supervisor.execution.workspace import safe_name
from supervisor.invocation import Announced
from supervisor.runs import record_format as records

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supervisor.execution.workspace import Workspace
    from supervisor.invocation import Invocation, RunPath, Trigger
    from supervisor.model import FunctionConfig
    from supervisor.ports import ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One run and what started it; ``stop_at`` is the deadline less the threshold."""

    config: FunctionConfig
    invocation: Invocation
    trigger: Trigger
    run: RunPath
    stop_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """The input's path (empty: none) and the metadata of what will be made of it."""

    path: str
    metadata: Mapping[str, str]


def stage_in(work: Work, place: Workspace, open_store: Callable[[str], ObjectStore]) -> Staged:
    """Download or write the input; raise ObjectChanged, StorageError, ChainTooLong."""
    trigger, run = work.trigger, str(work.run)
    if not isinstance(trigger, Announced):
        metadata = {RUN: run, ROOT: run, HOPS: "1"}
        if trigger.payload is None:
            return Staged(path="", metadata=metadata)
        file = place.inputs / trigger.file_name
        file.write_bytes(trigger.payload)
        return Staged(path=str(file), metadata=metadata)
    source = trigger.source
    file = place.inputs / safe_name(source.key)
    stored = open_store(source.provider).download(source, file, version=trigger.version)
    hops = _hops(stored.metadata)
    if hops >= work.config.max_hops:
        raise ChainTooLong(
            f"{source} is the result of {hops} runs in a row; {work.config.max_hops} are allowed.",
            remedy="Look for a function whose outputs reach its own input folder again.",
        )
    metadata = {
        RUN: run,
        ROOT: stored.metadata.get(ROOT) or run,
        HOPS: str(hops + 1),
        INPUT: records.input_id(work.config.name, trigger),
        SEQUENCER: trigger.sequencer,
    }
    return Staged(path=str(file), metadata={k: v for k, v in metadata.items() if v})


def variables(
    work: Work, place: Workspace, staged: Staged, process: Mapping[str, str]
) -> dict[str, str]:
    """Return the script's whole environment."""
    trigger, owner = work.trigger, work.invocation.owner
    announced = trigger if isinstance(trigger, Announced) else None
    facts = RunFacts(
        run_id=work.run.run_id,
        request_id=owner.request or owner.job,
        site=owner.site.value,
        attempt=owner.attempt,
        event=trigger.event,
        input_dir=str(place.inputs),
        output_dir=str(place.outputs),
        input_file=staged.path,
        object_key=announced.source.key if announced else "",
        event_time=announced.time if announced else "",
        deadline=work.stop_at,
        instance_ip=own_address(),
        parameters={} if isinstance(trigger, Announced) else trigger.parameters,
    )
    return script_environment(work.config, process, facts)


def own_address() -> str:
    """Return the address that packets leave from; none is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # kept for documentation by RFC 5737
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def _hops(metadata: Mapping[str, str]) -> int:
    text = metadata.get(HOPS, "0")
    return int(text) if text.isdecimal() and len(text) < 9 else 0
