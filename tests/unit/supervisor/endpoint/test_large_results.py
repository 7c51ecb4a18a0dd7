"""The whole output is the response; above Lambda's limit it is stored, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from supervisor.endpoint.output_spool import open_spool
from supervisor.events.response_body import LARGEST_OUTPUT
from supervisor.model import ExecutionMode
from tests.fakes.supervisor_factory import STATE
from tests.unit.supervisor.endpoint.endpoint_harness import a_request, new_endpoint

if TYPE_CHECKING:
    from pathlib import Path

PRINT = "head -c $CONT_VAR_size /dev/zero | tr '\\0' x\n"


def sized(size: int) -> dict[str, object]:
    return a_request(query={"size": str(size)})


@pytest.mark.parametrize("size", [0, 3_000_000, LARGEST_OUTPUT])
def test_a_response_has_the_whole_output(tmp_path: Path, size: int) -> None:
    harness = new_endpoint(tmp_path, PRINT)
    answer = harness.send(sized(size))
    assert (answer.status, answer.body) == (200, b"x" * size)
    assert not harness.stored("results/")


def test_a_larger_output_is_stored_and_answered_by_its_place(tmp_path: Path) -> None:
    harness = new_endpoint(tmp_path, PRINT)
    answer = harness.send(sized(LARGEST_OUTPUT + 1))
    assert (answer.status, answer.body) == (303, b"")
    key = "results/fn/req-1"
    assert harness.stored("results/") == {key: b"x" * (LARGEST_OUTPUT + 1)}
    place = f"https://s3/{STATE}/{key}?type=text/plain; charset=utf-8"
    assert answer.headers["location"] == place
    assert answer.headers["cache-control"] == "no-store"


def test_a_larger_binary_output_is_said_to_be_binary(tmp_path: Path) -> None:
    script = f"printf '\\377'; head -c {LARGEST_OUTPUT} /dev/zero\n"
    answer = new_endpoint(tmp_path, script).send(a_request())
    assert answer.headers["location"].endswith("?type=application/octet-stream")


def test_a_stored_result_stays_as_it_is(tmp_path: Path) -> None:
    harness = new_endpoint(tmp_path, PRINT)
    harness.fakes.store.put("results/fn/req-1", b"first", bucket=STATE)
    assert harness.send(sized(LARGEST_OUTPUT + 1)).status == 303
    assert harness.stored("results/") == {"results/fn/req-1": b"first"}


def test_an_attempt_after_a_crash_gives_the_answer_of_the_first(tmp_path: Path) -> None:
    """It was killed between its result and its record; the script prints something else now."""
    script = f"head -c {LARGEST_OUTPUT + 1} /dev/zero | tr '\\0' \"$(cat {tmp_path}/letter)\"\n"
    harness = new_endpoint(tmp_path, script)
    answers = []
    for letter in ("x", "\\377"):
        (tmp_path / "letter").write_text(letter)
        answers.append(harness.send(a_request()))
        (done,) = (key for key in harness.stored("runs/") if key.endswith("done.json"))
        del harness.fakes.store.objects[STATE, done]
    assert {answer.status for answer in answers} == {303}
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert harness.stored("results/") == {"results/fn/req-1": b"x" * (LARGEST_OUTPUT + 1)}


def test_without_an_endpoint_the_end_of_the_output_comes_back(tmp_path: Path) -> None:
    answer = new_endpoint(tmp_path, PRINT, endpoint=None).send(sized(LARGEST_OUTPUT + 1))
    assert answer.status == 200
    assert answer.text.startswith("[The beginning of the output is only in the log.]\nx")
    assert len(answer.body) == LARGEST_OUTPUT


def test_a_script_cannot_find_or_change_what_is_kept(tmp_path: Path) -> None:
    script = 'find "$(dirname "$TMP_OUTPUT_DIR")" -type f | grep -v /script; echo end\n'
    assert new_endpoint(tmp_path, script).send(a_request()).text == "end\n"


def test_in_batch_nothing_is_kept(tmp_path: Path) -> None:
    harness = new_endpoint(tmp_path, PRINT, mode=ExecutionMode.BATCH)
    assert harness.send(sized(1)).status == 202


def test_an_output_without_end_is_not_kept_and_not_cut_silently(tmp_path: Path) -> None:
    with open_spool(tmp_path, maximum=10) as spool:
        for _ in range(3):
            spool.add(b"12345")
        assert (spool.size, spool.problem) == (0, "it has more than 10 bytes")
        assert spool.read() == b""


def test_an_output_that_cannot_be_kept_is_an_error_of_a_run_that_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from supervisor.endpoint import output_spool

    def open_small(folder: Path) -> object:
        return open_spool(folder, maximum=100)

    monkeypatch.setattr(output_spool, "open_spool", open_small)
    harness = new_endpoint(tmp_path, PRINT)
    answer = harness.send(sized(3_000_000))
    assert answer.status == 500
    assert "is done, but its output cannot be returned" in answer.text
    assert any(key.endswith("done.json") for key in harness.stored("runs/"))
