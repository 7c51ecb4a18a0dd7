"""Events are divided by what their jobs request, and none is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from supervisor.batch.array_groups import group_events
from supervisor.batch.job_options import choose_options
from supervisor.invocation import ObjectEvent
from supervisor.job_model import BatchTarget, JobCapacity, JobOptions, JobOverride, NodeGroup
from supervisor.model import ObjectRef, VersionPin

TARGET = BatchTarget(
    queue="q",
    definition="fn",
    memory=512,
    vcpus="1",
    capacity=JobCapacity(shapes=((4.0, 8000, 0),)),
    overrides=(
        JobOverride(options=JobOptions(memory=4000), suffix=(".bam",), min_size=1000),
        JobOverride(options=JobOptions(memory=1000), suffix=(".bam",)),
    ),
)


def an_event(name: str, size: int = 0, job: JobOptions | None = None) -> ObjectEvent:
    return ObjectEvent(
        source=ObjectRef("s3", "b", name),
        version=VersionPin(),
        sequencer="",
        time="",
        event="{}",
        size=size,
        job=job,
    )


events = st.lists(
    st.builds(
        an_event,
        st.sampled_from(["a.bam", "b.txt"]),
        st.sampled_from([10, 2000]),
        st.sampled_from(
            [None, JobOptions(timeout=90), JobOptions(memory=9000), JobOptions(nodes=2)]
        ),
    ),
    max_size=30,
)


@given(events)
def test_each_event_is_in_one_group_of_its_options_or_remains(triggers: list[ObjectEvent]) -> None:
    groups, remaining = group_events(TARGET, triggers)
    indexes = [i for _, members in groups for i in members] + list(remaining)
    assert sorted(indexes) == list(range(len(triggers)))
    assert all(len(members) >= 2 for _, members in groups)
    assert len({options for options, _ in groups}) == len(groups)
    for options, members in groups:
        assert {choose_options(TARGET, triggers[i]) for i in members} == {options}


def test_files_of_different_sizes_are_different_arrays() -> None:
    triggers = [an_event("a.bam", 5000), an_event("b.txt"), an_event("c.bam", 10)] * 2
    groups, remaining = group_events(TARGET, triggers)
    assert groups == [
        (JobOptions(memory=4000), [0, 3]),
        (JobOptions(), [1, 4]),
        (JobOptions(memory=1000), [2, 5]),
    ]
    assert remaining == {}


def test_the_only_file_of_its_size_and_impossible_options_remain() -> None:
    impossible = JobOptions(memory=9000)
    triggers = [an_event("a.bam"), *[an_event("b.txt")] * 2, an_event("c.txt", job=impossible)]
    groups, remaining = group_events(TARGET, triggers)
    assert groups == [(JobOptions(), [1, 2])]
    assert remaining == {0: JobOptions(memory=1000), 3: JobOptions()}


def test_all_events_of_a_multi_node_function_remain() -> None:
    target = BatchTarget(queue="q", definition="fn", nodes=NodeGroup(count=2))
    assert group_events(target, [an_event("a")] * 3) == ([], dict.fromkeys(range(3), JobOptions()))
