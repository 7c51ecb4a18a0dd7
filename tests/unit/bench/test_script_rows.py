"""Rows that read the output of other benchmarks find their figures, or fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench import deployment
from bench.kit.commands import CommandFailedError
from bench.kit.context import Context
from bench.kit.peers import Peers
from bench.rows import other_scripts, reading, scripts

if TYPE_CHECKING:
    from pathlib import Path


def test_numbers_are_those_of_the_first_line_that_matches() -> None:
    output = "other 1\nfound 1,234.5 MB in 7 s\nfound 2 MB in 8 s\n"
    pattern = rf"^found {scripts.NUMBER} MB in {scripts.NUMBER} s"
    assert scripts.find_numbers(output, pattern) == [1234.5, 7]


def test_a_figure_that_is_not_in_the_output_is_an_error_that_shows_it() -> None:
    for find in (scripts.find_numbers, other_scripts.find_all):
        with pytest.raises(CommandFailedError, match=r"(?s)no line matches.*Traceback"):
            find("Traceback", rf"^median {scripts.NUMBER}")


def test_all_lines_that_match_are_found() -> None:
    output = "process  lambda  median 0.050 s\nsandbox  batch   median 1.200 s\n"
    pattern = rf"^(\w+) +(\w+) +median {scripts.NUMBER} s"
    assert other_scripts.find_all(output, pattern) == [
        ("process", "lambda", "0.050"),
        ("sandbox", "batch", "1.200"),
    ]


def test_a_benchmark_that_fails_fails_its_row(tmp_path: Path) -> None:
    context = Context(folder=tmp_path, peers=Peers(tmp_path / "peers"))
    with pytest.raises(CommandFailedError, match=r"No module named bench\.none"):
        scripts.run_module(context, "none")


def test_the_scale_row_reads_what_the_benchmark_prints(tmp_path: Path) -> None:
    context = Context(folder=tmp_path, peers=Peers(tmp_path / "peers"))
    output = scripts.run_module(context, "scale", "100")
    rate, micros = scripts.find_numbers(output, scripts.SCALE_RATE)
    peak, growth = scripts.find_numbers(output, scripts.SCALE_MEMORY)
    assert min(rate, micros, peak) > 0
    assert growth < peak


def test_the_export_row_reads_what_the_benchmark_prints(tmp_path: Path) -> None:
    context = Context(folder=tmp_path, peers=Peers(tmp_path / "peers"))
    (tmp_path / "script.sh").write_text("#!/bin/sh\n")
    functions = [reading.FUNCTION.format(number=n, next=n + 1) for n in range(2)]
    (tmp_path / "f.yaml").write_text(reading.HEAD + "".join(functions))
    output = scripts.run_module(context, "one_template", str(tmp_path / "f.yaml"))
    resources, cpu = scripts.find_numbers(output, reading.ONE_TEMPLATE.format(count=2))
    assert resources > 10
    assert cpu > 0


def test_the_deployments_of_the_row_are_those_of_the_benchmark() -> None:
    assert list(scripts.DEPLOYMENTS) == list(deployment.DEPLOYMENTS)
    assert set(scripts.QUICK_DEPLOYMENTS) >= set(scripts.MOST_SECOND_CALLS)
