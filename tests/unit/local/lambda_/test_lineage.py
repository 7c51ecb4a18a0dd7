"""Invocations of one chain are counted in its trace id, also if any client may have written it."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.local.lambda_.lineage import (
    MAX_INVOCATIONS,
    MAX_LENGTH,
    InvocationChain,
    decode_trace_header,
    parse_chain,
)
from scar.local.lambda_.model import DeployedFunction
from supervisor.trace_ids import valid_trace_id

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"


def a_function(name: str = "f", *, allow_loop: bool = False) -> DeployedFunction:
    return DeployedFunction(
        name=name,
        arn=ARN + name,
        memory_mb=128,
        timeout=3,
        image_uri="",
        allow_loop=allow_loop,
    )


def invoked(trace: str, name: str = "f", times: int = 1) -> str:
    """Return the trace id after some invocations, each with the header of the one before."""
    for _ in range(times):
        trace = parse_chain(decode_trace_header(quote(trace))).trace_id(ARN + name, 1.0)
    return trace


def test_the_seventeenth_invocation_in_a_chain_is_stopped() -> None:
    trace = ""
    for _ in range(MAX_INVOCATIONS):
        assert not parse_chain(trace).is_recursive(a_function())
        trace = invoked(trace)
    assert parse_chain(trace).is_recursive(a_function())
    assert not parse_chain(trace).is_recursive(a_function(allow_loop=True))
    assert not parse_chain(trace).is_recursive(a_function("other"))


def test_functions_of_a_chain_are_counted_separately() -> None:
    trace = ""
    for _ in range(MAX_INVOCATIONS - 1):
        trace = invoked(invoked(trace, "a"), "b")
    assert not parse_chain(invoked(trace, "a")).is_recursive(a_function("b"))
    assert parse_chain(invoked(trace, "a")).is_recursive(a_function("a"))


def test_the_root_of_the_trace_stays_and_a_new_chain_gets_one() -> None:
    first = invoked("")
    assert first.startswith("Root=1-00000001-")
    assert parse_chain(invoked(first)).root == parse_chain(first).root != ""
    assert parse_chain(invoked("")).root != parse_chain(first).root


@given(
    st.text()
    | st.lists(st.sampled_from("Root=;Lineage:|0123456789abcdef 1-\u00e9\r\n"), max_size=60).map(
        "".join
    )
)
def test_any_header_gives_a_trace_id_that_the_supervisor_sends(header: str) -> None:
    chain = parse_chain(decode_trace_header(header))
    trace = chain.trace_id(ARN + "f", 1.0)
    assert valid_trace_id(trace) == trace
    assert parse_chain(trace).counts.keys() >= {*parse_chain(invoked("")).counts}
    assert not parse_chain("").is_recursive(a_function())


@given(st.lists(st.sampled_from([f"f{n}" for n in range(60)]), max_size=80))
def test_a_chain_of_many_functions_fits_into_a_header(names: list[str]) -> None:
    trace = ""
    for name in names:
        trace = invoked(trace, name)
    assert len(quote(trace)) <= MAX_LENGTH
    if len(set(names)) <= 32:
        counts = parse_chain(trace).counts
        assert sorted(counts.values()) == sorted(names.count(name) for name in set(names))


@pytest.mark.parametrize("header", ["x" * (MAX_LENGTH + 1), "", ";;=;", "Lineage=zz:1", "Root"])
def test_a_header_that_is_no_trace_begins_a_chain(header: str) -> None:
    assert parse_chain(decode_trace_header(header)) == InvocationChain()
