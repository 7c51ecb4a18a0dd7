"""Loops of functions end: in depth, in breadth, and whatever the metadata of an upload says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.errors import ChainTooLong, OutputError
from supervisor.execution.lineage import (
    MAX_FUNCTIONS,
    MAX_REPEATS,
    Lineage,
    check_chain,
    describe_outputs,
    divide_budget,
    parse_lineage,
)
from supervisor.model import ExecutionMode, FunctionConfig, InputRule, ObjectRef
from supervisor.results import RunOutcome
from tests.fakes.supervisor_factory import (
    STATE,
    PythonScript,
    lambda_invocation,
    new_harness,
    notification,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.invocation import ProcessSpec

SOURCE = ObjectRef("s3", "box", "x")
RUN = "fn/2026-09-21/0123"


def a_function(name: str, *inputs: InputRule, allow_loop: bool = True) -> FunctionConfig:
    return FunctionConfig(
        name=name,
        mode=ExecutionMode.LAMBDA,
        state_bucket="scar-1-eu-west-1",
        inputs=inputs or (InputRule(bucket="box", folder=f"{name}/"),),
        allow_loop=allow_loop,
    )


def written_by(
    config: FunctionConfig, origin: Mapping[str, str], *keys: str
) -> list[Mapping[str, str]]:
    """Return the metadata of a run's outputs; raise ChainTooLong if the run is refused."""
    lineage = parse_lineage(origin)
    check_chain(lineage, config, SOURCE)
    targets = [ObjectRef("s3", "box", key) for key in keys]
    return describe_outputs(lineage, config, f"{config.name}/2026-09-21/0", targets)


def run_forks(origin: Mapping[str, str], random: Random, forks: int, budget: int) -> None:
    """Run functions that write into each other's folders; the budget is that of repeats."""
    functions = {name: a_function(name) for name in "abc"}
    pending = [("a", origin, frozenset[str]())]
    repeats = 0
    while pending:
        name, metadata, before = pending.pop()
        others = [random.choice("abc-") for _ in range(random.randint(0, forks))]
        try:
            made = written_by(
                functions[name], metadata, *[f"{o}/{n}" for n, o in enumerate(others)]
            )
        except ChainTooLong:
            continue
        repeats += name in before
        assert repeats <= budget
        pending += [
            (other, item, before | {name})
            for other, item in zip(others, made, strict=True)
            if other != "-"
        ]


@given(st.integers(), st.integers(1, 9))
def test_one_upload_causes_a_bounded_number_of_repeats_whatever_the_forks(
    seed: int, forks: int
) -> None:
    run_forks({}, Random(seed), forks, MAX_REPEATS)  # noqa: S311


@given(st.integers(), st.integers(1, 9), st.integers(0, 100))
def test_the_repeats_of_an_output_are_bounded_by_its_budget(
    seed: int, forks: int, budget: int
) -> None:
    run_forks({"scar-budget": str(budget)}, Random(seed), forks, budget)  # noqa: S311


@given(st.integers(0, MAX_REPEATS), st.integers(0, 2000), st.integers(0, 2000))
def test_the_budgets_of_all_outputs_are_less_than_that_of_their_run(
    budget: int, returning: int, others: int
) -> None:
    own, other = divide_budget(budget, returning=returning, others=others)
    assert own >= 0
    assert other >= 0
    assert own * returning + other * others <= max(budget - 1, 0)


def test_a_fork_that_doubles_ends_after_half_of_the_repeats() -> None:
    waiting: list[Mapping[str, str]] = [{}]
    runs = 0
    function = a_function("a")
    while waiting:
        try:
            waiting += written_by(function, waiting.pop(), "a/1", "a/2")
        except ChainTooLong:
            continue
        runs += 1
    assert 200 < runs <= MAX_REPEATS + 1


def test_a_wide_workflow_without_loops_is_not_limited() -> None:
    metadata = written_by(a_function("split"), {}, *[f"frames/{n}" for n in range(20_000)])
    assert {item["scar-budget"] for item in metadata} == {"0"}
    for name in ("frames", "crop", "join"):
        metadata = written_by(a_function(name), metadata[-1], *[f"{name}2/{n}" for n in range(50)])
    assert metadata[0]["scar-hops"] == "4"


@pytest.mark.parametrize("results", [0, 1, 500])
def test_a_loop_of_one_file_turns_until_the_limit_of_a_chain(results: int) -> None:
    function = a_function("a")
    metadata: Mapping[str, str] = {}
    for _ in range(function.max_hops):
        metadata = written_by(function, metadata, *[f"b/{n}" for n in range(results)], "a/state")[
            -1
        ]
    with pytest.raises(ChainTooLong, match="chain of 32 runs"):
        written_by(function, metadata)


def test_the_error_of_a_used_up_budget_names_function_object_and_root() -> None:
    (metadata,) = written_by(a_function("a"), {}, "a/1")
    with pytest.raises(ChainTooLong) as caught:
        written_by(a_function("a"), {**metadata, "scar-budget": "0"})
    assert str(SOURCE) in caught.value.problem
    assert "a has run before in its chain" in caught.value.problem
    assert "a/2026-09-21/0" in caught.value.problem
    assert "allow_loop" in caught.value.remedy
    written_by(a_function("b"), {**metadata, "scar-budget": "0"})


def test_a_function_of_the_same_name_in_another_region_is_another_one() -> None:
    (metadata,) = written_by(a_function("a"), {}, "b/1")
    used_up = {**metadata, "scar-budget": "0"}
    written_by(replace(a_function("a"), state_bucket="scar-1-us-east-1"), used_up)
    with pytest.raises(ChainTooLong):
        written_by(a_function("a"), used_up)


def test_metadata_fits_into_s3_and_a_full_list_of_functions_permits_no_new_one() -> None:
    names = [f"f{n}" for n in range(MAX_FUNCTIONS + 1)]
    metadata: Mapping[str, str] = {}
    for name in names:
        config = replace(a_function(name), max_hops=99)
        (metadata,) = written_by(config, {**metadata, "scar-budget": "1"}, "x")
        # S3 permits 2 KB; run, input and sequencer need less than 400 bytes.
        assert sum(len(key) + len(value) for key, value in metadata.items()) < 1200
    assert len(metadata["scar-chain"].split(".")) == MAX_FUNCTIONS
    with pytest.raises(ChainTooLong):
        written_by(replace(a_function("new"), max_hops=99), {**metadata, "scar-budget": "0"})


VALID = {
    "scar-root": "g/2026-01-01/r",
    "scar-hops": "3",
    "scar-chain": "0123456789ab.ba9876543210",
    "scar-budget": "7",
}


def test_valid_metadata_is_read_and_missing_values_are_those_of_an_upload() -> None:
    assert parse_lineage({**VALID, "other": "x"}) == Lineage(
        root="g/2026-01-01/r", hops=3, functions=("0123456789ab", "ba9876543210"), budget=7
    )
    assert parse_lineage({"scar-hops": "3"}) == Lineage(hops=3)
    assert parse_lineage({}) == Lineage()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("scar-hops", text) for text in ("-1", "+1", "1.0", "٣", "1e3", " 1", "99999", "x")],
        *[("scar-budget", text) for text in ("-1", "1001", "9999", "99999999", "٣", "inf", "1\n")],
        *[("scar-root", text) for text in ("g", "../../x", "g/2026-01-01/r/x", "g/x/r", "é/1/2")],
        ("scar-root", f"g/2026-01-01/{'r' * 200}"),
        *[("scar-chain", text) for text in ("0123456789a", "x" * 12, "0123456789ab.", ".")],
        ("scar-chain", ".".join(["0123456789ab"] * (MAX_FUNCTIONS + 1))),
    ],
)
def test_an_object_with_an_invalid_value_counts_as_an_upload(key: str, value: str) -> None:
    assert parse_lineage({**VALID, key: value}) == Lineage()


@given(
    st.dictionaries(
        st.sampled_from(list(VALID)),
        st.text() | st.integers(-2, 10**9).map(str) | st.sampled_from(list(VALID.values())),
    )
)
def test_crafted_metadata_is_never_an_exception_nor_worth_more_than_an_upload(
    crafted: Mapping[str, str],
) -> None:
    found = parse_lineage(crafted)
    assert 0 <= found.budget <= MAX_REPEATS
    assert found.hops >= 0
    assert len(found.functions) <= MAX_FUNCTIONS
    try:
        made = written_by(a_function("a"), crafted, "a/1", "b/1")
    except ChainTooLong:
        return
    assert sum(int(item["scar-budget"]) for item in made) < MAX_REPEATS
    for item in made:
        written = parse_lineage(item)
        assert written.functions
        assert written.hops == found.hops + 1 or found.hops >= 9999


INPUT = InputRule(bucket="data", folder="in/", suffix=".txt")


def own_input(*targets: ObjectRef, rule: InputRule = INPUT, allow_loop: bool = False) -> None:
    describe_outputs(Lineage(), a_function("a", rule, allow_loop=allow_loop), RUN, targets)


@pytest.mark.parametrize(
    "target",
    [
        ObjectRef("s3", "data", "in/x.txt"),
        ObjectRef("s3", "data", "in/deep/x.txt"),
        ObjectRef("s3.mine", "data", "in/x.txt"),
    ],
)
def test_an_output_in_the_functions_own_input_is_refused(target: ObjectRef) -> None:
    beside = ObjectRef("s3", "data", "out/x.txt")
    with pytest.raises(OutputError) as caught:
        own_input(beside, target)
    assert str(target) in caught.value.problem
    assert "data/in/ (suffix .txt)" in caught.value.problem
    assert "allow_loop: true" in caught.value.remedy
    own_input(beside, target, allow_loop=True)


@pytest.mark.parametrize(
    "target",
    [
        ObjectRef("s3", "data", "in/x.csv"),
        ObjectRef("s3", "data", "inside/x.txt"),
        ObjectRef("s3", "other", "in/x.txt"),
        ObjectRef("minio.mine", "data", "in/x.txt"),
    ],
)
def test_outputs_that_no_input_rule_matches_are_uploaded(target: ObjectRef) -> None:
    own_input(target)


def test_a_run_with_an_output_in_its_own_input_uploads_nothing(tmp_path: Path) -> None:
    def write(task: ProcessSpec) -> int:
        folder = Path(task.environment["TMP_OUTPUT_DIR"])
        (folder / "a.csv").write_text("1")
        (folder / "x.txt").write_text("1")
        return 0

    harness = new_harness(tmp_path, runner=PythonScript(write))
    rule = InputRule(bucket="data", folder="out/", suffix=".txt")
    config = replace(harness.supervisor.config, inputs=(rule,))
    supervisor = replace(harness.supervisor, config=config)
    harness.store.put("in/x", b"1")
    (result,) = supervisor.handle(lambda_invocation(notification("in/x"))).results
    assert isinstance(result.error, OutputError)
    assert set(harness.store.keys()) == {"in/x"}
    assert harness.store.calls["upload"] == 0


def test_the_budget_is_divided_among_the_outputs_of_a_run(tmp_path: Path) -> None:
    def write(task: ProcessSpec) -> int:
        for name in "12":
            Path(task.environment["TMP_OUTPUT_DIR"], name).write_text(name)
        return 0

    harness = new_harness(tmp_path, runner=PythonScript(write))
    harness.store.put("in/x", b"1", **{key.replace("-", "_"): v for key, v in VALID.items()})
    (result,) = harness.supervisor.handle(lambda_invocation(notification("in/x"))).results
    assert result.state is RunOutcome.DONE
    for name in "12":
        metadata = harness.store.objects["data", f"out/{name}"][1].metadata
        assert metadata["scar-budget"] == "3"
        assert metadata["scar-root"] == "g/2026-01-01/r"
        assert metadata["scar-chain"].startswith(f"{VALID['scar-chain']}.")


def test_a_loop_that_doubles_ends_in_the_supervisor_too(tmp_path: Path) -> None:
    def fork(task: ProcessSpec) -> int:
        name = Path(task.environment["INPUT_FILE_PATH"]).name
        for letter in "ab":
            Path(task.environment["TMP_OUTPUT_DIR"], name + letter).write_text("1")
        return 0

    harness = new_harness(tmp_path, runner=PythonScript(fork))
    rule = InputRule(bucket="data", folder="out/")
    config = replace(harness.supervisor.config, inputs=(rule,), allow_loop=True)
    supervisor = replace(harness.supervisor, config=config)
    harness.store.put("out/x", b"1", scar_budget="100")
    seen: set[str] = set()
    while new := sorted(set(harness.store.keys()) - seen):
        seen |= set(new)
        for key in new:
            supervisor.handle(lambda_invocation(notification(key)))
    records = [key.rpartition("/")[2] for key in harness.store.keys(STATE)]
    assert 20 < records.count("done.json") <= 101
    assert records.count("done.json") + records.count("error.json") == len(seen)
