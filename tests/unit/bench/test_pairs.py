"""Commands are compared round by round, and a command that fails has no figures."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from bench.kit.commands import Command, CommandFailedError, Usage, measure, output_of
from bench.kit.lines import Target, compare
from bench.kit.pairs import Rounds, Subject, interleave
from bench.kit.processes import command_line
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path


def python(code: str, timeout: float = 60.0) -> Command:
    return Command(arguments=(sys.executable, "-I", "-c", code), timeout=timeout)


def usages(*walls: float) -> list[Usage]:
    return [Usage(wall=wall, cpu=wall / 2, peak_mb=10) for wall in walls]


def test_the_ratio_is_the_median_of_the_ratios_of_the_rounds() -> None:
    # The second round met another load: both commands took ten times as long.
    rounds = Rounds({"a": usages(1, 10, 3), "b": usages(2, 20, 3)})
    assert rounds.ratio("a", "b") == 0.5
    assert rounds.median("a") / rounds.median("b") == 1


def test_every_subject_runs_once_a_round_and_the_order_alternates(tmp_path: Path) -> None:
    journal = tmp_path / "journal"

    def subject(name: str) -> Subject:
        code = f"open({str(journal)!r}, 'a').write({name!r})"
        return Subject(name=name, command=python(code))

    rounds = interleave([subject("a"), subject("b")], 3, warm_up=1)
    assert journal.read_text() == "ba" + "ab" + "ba" + "ab"
    assert [len(found) for found in rounds.usages.values()] == [3, 3]


def test_a_check_sees_each_run_after_it_and_can_refuse_it(tmp_path: Path) -> None:
    written = tmp_path / "written"

    def check() -> None:
        written.unlink()
        raise CommandFailedError("refused")

    command = python(f"open({str(written)!r}, 'w')")
    with pytest.raises(CommandFailedError, match="refused"):
        interleave([Subject(name="a", command=command, check=check)], 1)


def test_two_subjects_of_one_name_are_refused() -> None:
    subject = Subject(name="a", command=python("pass"))
    with pytest.raises(ValueError, match="one name"):
        interleave([subject, subject], 1)


def test_a_command_that_fails_is_named_with_its_standard_error() -> None:
    with pytest.raises(CommandFailedError, match=r"(?s)-c 'import sys.*status 3.*no bucket"):
        measure(python("import sys; print('no bucket', file=sys.stderr); sys.exit(3)"))


def test_a_command_killed_by_a_signal_has_failed() -> None:
    with pytest.raises(CommandFailedError, match="status -9"):
        measure(python("import os; os.kill(os.getpid(), 9)"))


def test_a_program_that_does_not_exist_has_failed() -> None:
    with pytest.raises(CommandFailedError, match="no-such-program: No such file"):
        measure(Command(arguments=("no-such-program",)))


def test_a_command_that_does_not_end_is_killed_with_its_children(tmp_path: Path) -> None:
    written = tmp_path / "pids"
    shell = f"sleep 600 & echo $! $$ > {written}; wait"
    with pytest.raises(CommandFailedError, match="had not ended after"):
        measure(Command(arguments=("/bin/sh", "-c", shell), timeout=1))
    until(lambda: not any(command_line(int(pid)) for pid in written.read_text().split()))


def test_cpu_time_of_children_and_the_peak_of_the_largest_process_are_counted() -> None:
    child = "import time; x = bytearray(60 << 20)\nwhile time.process_time() < 0.2: pass"
    usage = measure(
        python(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])")
    )
    assert usage.cpu >= 0.2
    assert 60 <= usage.peak_mb < 120


def test_the_memory_of_the_measuring_process_is_not_the_commands() -> None:
    ballast = b"x" * (100 << 20)
    assert measure(python("pass")).peak_mb < 50
    assert len(ballast) == 100 << 20


def test_the_output_of_a_command_is_returned() -> None:
    assert output_of(python("print('all of it')")) == "all of it\n"


def test_settings_of_aws_and_scar_do_not_reach_a_measured_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "of the developer")
    monkeypatch.setenv("SCAR_LOCAL", "1")
    code = "import os; print([name for name in os.environ if name.startswith(('AWS', 'SCAR'))])"
    assert output_of(python(code)) == "[]\n"


def test_a_measured_command_may_write_compiled_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    code = "import os; print(os.environ.get('PYTHONDONTWRITEBYTECODE'))"
    assert output_of(python(code)) == "None\n"


def test_a_line_has_the_figures_of_both_and_tells_whether_the_target_is_reached() -> None:
    rounds = Rounds({"a": usages(1, 1, 1), "b": usages(2, 2, 2)})
    line = compare(rounds, "row", "work", ("a", "b"), target=Target(0.4))
    assert (line.ours, line.theirs, line.ratio, line.is_reached) == (1, 2, 0.5, False)
    assert line.details == "CPU 0.50 / 1.00 s, peak 10 / 10 MB, CPU ratio 0.50"
    by_cpu = compare(rounds, "row", "work", ("a", "b"), figure="cpu", target=Target(1.0))
    assert (by_cpu.unit, by_cpu.ours, by_cpu.is_reached) == ("CPU s", 0.5, True)
