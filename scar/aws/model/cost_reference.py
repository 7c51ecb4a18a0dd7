"""Generate ``docs/costs.md``: what 1,000 files cost in each execution mode.

``python -m scar.aws.model.cost_reference > docs/costs.md``
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scar.aws.model import costs
from scar.aws.model.costs import Workload
from scar.aws.model.prices import (
    EXAMPLE_INSTANCE,
    FALLBACK_REGION,
    FARGATE_SPOT_DISCOUNT,
    PRICE_NAMES,
    PRICES,
    find_prices,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.aws.model.costs import CostEstimate
    from scar.aws.model.prices import RegionPrices

EXAMPLE = Workload(runs=1000, run_seconds=30, memory_mb=2048)
_EXAMPLE_REGIONS = ("us-east-1", "eu-west-1", "eu-central-1")
_INPUT_MB = 10
_LONG_RUNS = Workload(runs=50, run_seconds=1200, memory_mb=2048)
_LAMBDA_TIMEOUT = 300
_KEPT_IMAGE_GB = 1

_INTRODUCTION = """\
# Costs

<!-- Generated: python -m scar.aws.model.cost_reference > docs/costs.md -->

scar itself costs nothing. AWS bills what the runs use, and nothing while no runs exist, except for
storage: images in ECR, objects in S3 and logs.

All numbers here are computed from list prices in USD, without taxes and without the
[free tier](https://aws.amazon.com/free/) (Lambda: 1 million requests and 400,000 GB-seconds a
month, about {free_runs:,} runs of the example below). They are estimates, not AWS's bill.
"""


def build_cost_reference() -> str:
    """Return the text of docs/costs.md."""
    free_runs = int(400_000 / (EXAMPLE.run_seconds * EXAMPLE.memory_mb / 1024))
    parts = (
        _INTRODUCTION.format(free_runs=free_runs),
        "\n".join(_example_section()),
        "\n".join(_other_costs_section()),
        "\n".join(_price_section()),
    )
    return "\n".join(parts)


def _estimates(at: RegionPrices) -> dict[str, CostEstimate]:
    """Return the example in every mode, by its label in the table."""
    on_arm = replace(EXAMPLE, architecture="arm64")
    return {
        "`lambda`, x86_64": costs.estimate_lambda(EXAMPLE, at),
        "`lambda`, arm64": costs.estimate_lambda(on_arm, at),
        f"`lambda-batch`, x86_64, {_LONG_RUNS.runs} runs continue on Fargate": (
            costs.estimate_lambda_batch(
                replace(EXAMPLE, runs=EXAMPLE.runs - _LONG_RUNS.runs),
                _LONG_RUNS,
                at,
                lambda_seconds=_LAMBDA_TIMEOUT,
            )
        ),
        "`batch`, Fargate, x86_64": costs.estimate_fargate(EXAMPLE, at),
        "`batch`, Fargate, arm64": costs.estimate_fargate(on_arm, at),
        f"`batch`, Fargate Spot, x86_64, at {FARGATE_SPOT_DISCOUNT:.0%} off": (
            costs.estimate_fargate(EXAMPLE, at, spot=True)
        ),
        f"`batch`, EC2, one {EXAMPLE_INSTANCE}": costs.estimate_ec2(EXAMPLE, at),
    }


def _example_section() -> Iterator[str]:
    tables = {region: _estimates(find_prices(region)) for region in _EXAMPLE_REGIONS}
    yield "## What 1,000 files cost in each mode\n"
    yield (
        f"1,000 files of {_INPUT_MB} MB, {EXAMPLE.run_seconds:g} seconds of work each (download and"
        f" upload included) with {EXAMPLE.memory_mb // 1024} GB of memory and, in Batch,"
        f" {EXAMPLE.vcpus:g} vCPU:\n"
    )
    yield f"| mode | {' | '.join(_EXAMPLE_REGIONS)} |"
    yield f"|---|{'---|' * len(_EXAMPLE_REGIONS)}"
    for label in next(iter(tables.values())):
        values = " | ".join(f"${tables[region][label].total:.2f}" for region in _EXAMPLE_REGIONS)
        yield f"| {label} | {values} |"
    yield from _assumptions()


def _assumptions() -> Iterator[str]:
    requests = costs.PUTS_IN_LAMBDA, costs.PUTS_IN_BATCH, costs.GETS_PER_RUN
    yield (
        f"\nEvery number includes S3 requests ({requests[0]} writes for a run in Lambda,"
        f" {requests[1]} with Batch, {requests[2]} reads in each) and {EXAMPLE.log_kb:g} KB of logs"
        " per run, stored for a month. In mode `batch`, it includes a second of Lambda to submit"
        " each job.\n"
    )
    yield (
        f"- **Fargate** bills from the start of the image's download, assumed to take"
        f" {EXAMPLE.start_seconds:g} seconds, and at least"
        f" {costs.FARGATE_MINIMUM_SECONDS:g} seconds; with a public IPv4 address and"
        f" {EXAMPLE.storage_gb:g} GB of storage, of which {costs.FREE_FARGATE_STORAGE_GB} are free."
    )
    yield (
        "- **Fargate Spot** has no fixed price: the discount changes, and AWS promises"
        f" up to {FARGATE_SPOT_DISCOUNT:.0%}. An interrupted job starts again, which costs its time"
        " twice."
    )
    yield (
        f"- **EC2** bills instances, not jobs: two jobs at a time on one {EXAMPLE_INSTANCE}, and"
        f" {EXAMPLE.idle_seconds / 60:g} minutes in which it starts and waits. `max_v_cpus` limits"
        " the number of instances; more of them finish sooner for nearly the same money, unless"
        " there are few files. `min_v_cpus` above 0 costs money without jobs."
    )
    yield (
        f"- **`lambda-batch`**: {_LONG_RUNS.runs} of the files need"
        f" {_LONG_RUNS.run_seconds / 60:g} minutes instead. They reach `lambda.timeout` of"
        f" {_LAMBDA_TIMEOUT} seconds, and start again in Batch; both attempts cost money. If most"
        " runs do that, `batch` is cheaper."
    )


def _other_costs_section() -> Iterator[str]:
    at = find_prices(_EXAMPLE_REGIONS[0])
    storage = EXAMPLE.runs * _INPUT_MB / 1024 * at["s3_gb_month"]
    yield "\n## What else costs money\n"
    yield f"In {at.region}:\n"
    yield (
        f"- Objects in S3: ${at['s3_gb_month']:g} per GB and month; the 1,000 inputs"
        f" ${storage:.2f}."
    )
    yield (
        f"- Images in ECR: ${at['ecr_gb_month']:.2f} per GB and month, so an image of"
        f" {_KEPT_IMAGE_GB} GB ${_KEPT_IMAGE_GB * at['ecr_gb_month']:.2f}. `scar init` deletes the"
        " images that it replaces."
    )
    yield (
        f"- Logs: ${at['logs_gb']:.2f} per GB written. A script that prints 10 MB per file costs"
        f" ${EXAMPLE.runs * 10 / 1024 * at['logs_gb']:.2f} for 1,000 files."
    )
    yield (
        "- Downloads to your machine (`scar get`): about $0.09 per GB above 100 GB a month."
        " Transfers between S3 and the runs in one Region are free, except through a NAT gateway,"
        " which costs about $0.045 per hour and per GB: use a gateway endpoint for S3."
    )
    yield (
        "- HTTP endpoints: an HTTP API costs $1.00 per million requests (each 512 KB of a body"
        " count as one) and about $0.09 per GB of responses to the internet; a function URL has no"
        " price of its own. The runs cost what they cost without an endpoint."
    )
    yield (
        "- KMS: $0.03 per 10,000 requests for objects encrypted with a key of your own, and $1 a"
        " month for the key."
    )


def _price_section() -> Iterator[str]:
    yield "\n## The prices used\n"
    yield (
        "No price was read from AWS itself: us-east-1's are from copies of AWS's price list in"
        " public repositories, read on the date below. A `?` marks prices for which no public"
        f" copy was found. Regions without a column use {FALLBACK_REGION}, one of the most"
        " expensive. `python -m scar.aws.account.price_list REGION` compares the table with AWS's"
        " price list; it needs `pricing:GetProducts`, which nothing else of scar uses.\n"
    )
    yield f"| USD per | {' | '.join(PRICES)} |"
    yield f"|---|{'---|' * len(PRICES)}"
    for name in PRICE_NAMES:
        cells = (
            f"{_format_price(table[name])}{' ?' if name in table.unconfirmed else ''}"
            for table in PRICES.values()
        )
        yield f"| `{name}` | {' | '.join(cells)} |"
    yield f"| read | {' | '.join(table.read_on for table in PRICES.values())} |"
    yield (
        f"\n`instance_hour` is an On-Demand {EXAMPLE_INSTANCE} with Linux; `s3_put` one PUT, POST"
        " or LIST request, `s3_get` any other; `logs_gb` log data written.\n"
    )


def _format_price(price: float) -> str:
    return f"{price:.10f}".rstrip("0")


if __name__ == "__main__":
    import sys

    sys.stdout.write(build_cost_reference())
