"""``scar run --array --dry-run``: the jobs, their sizes, and what they cost at most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.cli.arrays.array_groups import format_groups
from scar.cli.formatting import format_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scar.cli.arrays.array_groups import EventGroup
    from scar.cli.function_call import FunctionCall
    from scar.runs.arrays.array_plan import ChildResources
    from supervisor.job_model import BatchTarget, JobOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayDryRun:
    """What would be submitted: ``groups`` as arrays, the options of ``ordinary`` runs."""

    call: FunctionCall
    source: str
    target: BatchTarget
    groups: Sequence[EventGroup]
    ordinary: Sequence[JobOptions]
    skipped: int

    def show(self) -> None:
        """Write the number of jobs, children and requests, and what they cost at most."""
        from scar.aws.model.prices import find_prices
        from scar.runs.arrays.submission import read_resources

        connection, terminal = self.call.connection, self.call.session.terminal
        resources = read_resources(connection.client("batch"), self.call.function.name)
        costs = [self._estimate(resources, g.options, len(g.indexes)) for g in self.groups]
        most = _add([*costs, *(self._estimate(resources, o, 1) for o in self.ordinary)])
        if self.call.session.json:
            terminal.write_json(self._to_json(resources, most))
            return
        write = terminal.write_data
        if not self.groups:
            number = format_count(len(self.ordinary), "file")
            write(f"Would run {number} of {self.source}, without an array.")
            return
        sizes = [size for _, size in self._arrays()]
        parts = " + ".join(f"{size:,}" for size in sizes)
        write(
            f"Would submit {format_count(len(sizes), 'array job')} with {parts} children to"
            f" {self.target.queue}: {format_count(len(sizes), 'SubmitJob request')} and"
            f" {format_count(3 * len(sizes), 'object')} in the state bucket."
        )
        for line in format_groups(self.groups, costs):
            write(line)
        if self.ordinary:
            number = format_count(len(self.ordinary), "file")
            write(f"  {number} of another size: without an array")
        if most is None or resources is None:
            write("The cost is not known: the jobs have GPUs or no timeout.")
            return
        prices = find_prices(connection.account.region)
        write(
            f"At most {most:,.2f} USD, if {self._describe_most(resources)}, at {prices.describe()}."
        )

    def _describe_most(self, resources: ChildResources) -> str:
        """Return when the upper bound is reached: timeout, attempts, jobs."""
        from scar.runs.arrays.array_plan import plan_jobs

        sizes = [resources.with_options(options) for options in self._all_options()]
        timeouts, attempts = {one.timeout for one in sizes}, {one.attempts for one in sizes}
        until = f"its timeout of {timeouts.pop():,} s" if len(timeouts) == 1 else "its timeout"
        jobs = [plan_jobs(self.target, options) for options in self._all_options()]
        number, most = max(map(len, jobs)), max(attempts)
        parts = []
        if most > 1:
            parts.append(f"each of {most} attempts")
        if number > 1:
            memory = max(resources.with_options(chain[-1]).memory for chain in jobs)
            parts.append(f"each of {number} jobs (batch.retry), the last with {memory:,} MiB")
        where = f" in {' of '.join(parts)}" if parts else ""
        return f"each child runs until {until}{where}"

    def _arrays(self) -> list[tuple[EventGroup, int]]:
        from scar.runs.arrays.array_plan import divide

        return [(group, len(part)) for group in self.groups for part in divide(group.indexes)]

    def _all_options(self) -> list[JobOptions]:
        return [*(group.options for group in self.groups), *self.ordinary]

    def _estimate(
        self, resources: ChildResources | None, options: JobOptions, number: int
    ) -> float | None:
        """Return an upper bound of the cost of so many runs in USD; None if it is not known."""
        from scar.aws.model.prices import find_prices
        from scar.runs.arrays.array_plan import estimate_most, plan_jobs

        if resources is None:
            return None
        prices = find_prices(self.call.connection.account.region)
        return estimate_most(number, resources, prices, plan_jobs(self.target, options))

    def _to_json(self, resources: ChildResources | None, most: float | None) -> dict[str, object]:
        from supervisor.batch.job_request import options_to_json

        arrays = self._arrays()
        return {
            "function": self.call.function.name,
            "jobs": [
                {
                    "children": size,
                    **options_to_json(group.options),
                    "usd_at_most": _round(self._estimate(resources, group.options, size)),
                }
                for group, size in arrays
            ],
            "files": sum(size for _, size in arrays) + len(self.ordinary),
            "skipped": self.skipped,
            "submissions": len(arrays),
            "usd_at_most": _round(most),
        }


def _add(costs: Sequence[float | None]) -> float | None:
    """Return the sum; None if one of them is not known."""
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def _round(cost: float | None) -> float | None:
    return None if cost is None else round(cost, 2)
