"""Find functions that start each other in an infinite loop, in one file and across deployments.

A loop is refused unless one of its functions has ``allow_loop: true``, the same rule as for the
functions of one file.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from scar.aws.model.function_links import FunctionLinks, WatchedFolder
from scar.fdl import cycles
from supervisor.model import OutputRule

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from scar.aws.model.function import Function
    from scar.fdl.model import StorageSpec


def links_of(function: Function) -> FunctionLinks:
    """Return the links of a function that is to be deployed, through the account's S3."""
    spec = function.lambda_
    return FunctionLinks(
        name=function.name,
        inputs=tuple(
            WatchedFolder(i.bucket, i.folder, i.input_suffix) for i in function.account_inputs
        ),
        outputs=tuple(map(_output_rule, function.account_outputs)),
        allow_loop=spec.allow_loop,
    )


def starts(output: OutputRule, watched: WatchedFolder) -> bool:
    """Return whether objects of an output in the account's S3 can match a notification."""
    folder = output.target("")
    return cycles.can_trigger(
        (folder.bucket, folder.key),
        output.suffix,
        (watched.bucket, watched.prefix),
        watched.suffix,
        prefixes=output.prefix,
    )


def check_loops(functions: Sequence[FunctionLinks]) -> Iterator[str]:
    """Yield the loops of functions of one deployment, each once."""
    for function in functions:
        if not function.allow_loop and (path := _find_output(function, function)):
            yield f"{function.name}: {_describe_self_trigger(path, function)}"
    graph = {name: started - {name} for name, started in _build_graph(functions).items()}
    by_name = {f.name: f for f in functions}
    for found in cycles.find_cycles_through(graph, graph):
        yield (
            f"{' -> '.join((*found, found[0]))}: each starts the next, in an infinite loop"
            f" ({_format_path([by_name[name] for name in found])}); allow_loop: true for each of"
            " them deploys them anyway."
        )


def _describe_self_trigger(path: str, function: FunctionLinks) -> str:
    source = _find_input(function, function)
    if f"{path}/".startswith(source):
        relation, effect = "is in", "every output would start it again"
    else:
        relation, effect = "contains", "an output that the script writes there would start it again"
    return (
        f"its output {path} {relation} its input {source}: {effect}. Choose another folder, or"
        " prefixes or suffixes that exclude it (allow_loop: true deploys it anyway)."
    )


def check_deployed_loops(
    functions: Sequence[FunctionLinks], deployed: Collection[FunctionLinks]
) -> Iterator[str]:
    """Yield the loops of functions of this deployment with functions that are deployed.

    ``deployed`` are the other functions of the account. A loop among them alone is not reported:
    this deployment neither closes nor opens it.
    """
    by_name = {f.name: f for f in (*deployed, *functions)}
    graph = _build_graph(tuple(by_name.values()))
    for cycle in cycles.find_cycles_through(graph, [f.name for f in functions]):
        yield _describe_loop([by_name[name] for name in cycle])


def _describe_loop(loop: Sequence[FunctionLinks]) -> str:
    """Name the functions and folders of a loop: ``a -> photos/out -> b -> photos/in -> a``."""
    path = _format_path(loop)
    others = [f.name for f in loop if f.is_deployed]
    if not others:
        return (
            f"{path}: a notification of the bucket, which scar did not create, starts the function"
            " with its own outputs, in an infinite loop. Delete that notification, change the"
            " output folder, or set allow_loop: true for"
            f" {', '.join(f.name for f in loop)}."
        )
    deployed = f"{', '.join(others)} {'is' if len(others) == 1 else 'are'} deployed already"
    return (
        f"{path}: each starts the next, in an infinite loop; {deployed}. Change a folder, remove"
        f" a function (`scar rm {others[0]}`), or set allow_loop: true for each of"
        f" {', '.join(f.name for f in loop)}: Lambda's detection stops those without it."
    )


def _format_path(loop: Sequence[FunctionLinks]) -> str:
    path = loop[0].name
    for one, other in pairwise((*loop, loop[0])):
        path += f" -> {_find_output(one, other)} -> {other.name}"
    return path


def _build_graph(functions: Collection[FunctionLinks]) -> Mapping[str, set[str]]:
    """Return which functions each function starts; none for those that may be part of a loop."""
    inputs = cycles.FolderIndex(
        ((watched.bucket, watched.prefix), (one.name, watched))
        for one in functions
        for watched in one.inputs
    )
    return {
        one.name: set() if one.allow_loop else set(_find_started(one, inputs)) for one in functions
    }


def _find_started(
    one: FunctionLinks, inputs: cycles.FolderIndex[tuple[str, WatchedFolder]]
) -> Iterator[str]:
    for output in one.outputs:
        folder = output.target("")
        for name, watched in inputs.find_near((folder.bucket, folder.key)):
            if starts(output, watched):
                yield name


def _find_output(one: FunctionLinks, other: FunctionLinks) -> str:
    """Return the first output of a function that starts another one, else an empty text."""
    found = (o.path for o in one.outputs if any(starts(o, i) for i in other.inputs))
    return next((path.rstrip("/") for path in found), "")


def _find_input(one: FunctionLinks, other: FunctionLinks) -> str:
    return next(str(i) for i in other.inputs if any(starts(o, i) for o in one.outputs))


def _output_rule(output: StorageSpec) -> OutputRule:
    return OutputRule(
        provider=output.storage_provider,
        path=output.path,
        prefix=output.prefix,
        suffix=output.suffix,
    )
