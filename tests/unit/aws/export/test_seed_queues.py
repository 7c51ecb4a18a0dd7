"""``examples/queues``: the four resources of "Core: AWS Batch" (Genomics Workflows on AWS)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scar.aws.compile.from_fdl import functions_of
from scar.aws.export.desired import compile_for_template
from scar.aws.export.template import export_template
from scar.aws.model.account import Account
from scar.aws.validation.compute_warnings import find_compute_warnings
from scar.fdl.loader import load_document

EXAMPLE = Path(__file__).parents[4] / "examples" / "queues" / "queues.yaml"
ACCOUNT = Account("123456789012", "eu-west-1", "aws")
# As its instructions say; roles, network and launch template are the reader's there.
GUIDE: dict[str, dict[str, Any]] = {
    "ondemand": {
        "Type": "EC2",
        "AllocationStrategy": "BEST_FIT",
        "InstanceTypes": ["optimal"],
        "MinvCpus": 0,
        "DesiredvCpus": 0,
        "Tags": {"Name": "batch-ondemand-worker"},
    },
    "spot": {
        "Type": "SPOT",
        "AllocationStrategy": "SPOT_CAPACITY_OPTIMIZED",
        "InstanceTypes": ["optimal"],
        "MinvCpus": 0,
        "DesiredvCpus": 0,
        "Tags": {"Name": "batch-spot-worker"},
    },
}
QUEUES = {1: ["spot"], 100: ["ondemand", "spot"]}
# Intended: BEST_FIT environments cannot be updated, and Batch itself changes the desired vCPUs.
# Tags of instances are those of `lambda.tags`.
DIFFERENT = {
    "ondemand": {"AllocationStrategy", "DesiredvCpus", "Tags"},
    "spot": {"DesiredvCpus", "Tags"},
}


def exported(kind: str) -> list[dict[str, Any]]:
    functions = functions_of(load_document(EXAMPLE))
    assert list(find_compute_warnings(functions, ACCOUNT.region)) == []
    template = export_template(compile_for_template(functions, ACCOUNT), ACCOUNT.region).template
    return [r["Properties"] for r in template["Resources"].values() if r["Type"] == kind]


def test_the_environments_are_those_of_the_guide_field_by_field() -> None:
    names = {"EC2": "ondemand", "SPOT": "spot"}
    found = {
        names[e["ComputeResources"]["Type"]]: e["ComputeResources"]
        for e in exported("AWS::Batch::ComputeEnvironment")
    }
    assert found.keys() == GUIDE.keys()
    for name, resources in GUIDE.items():
        different = {key for key, value in resources.items() if found[name].get(key) != value}
        assert different == DIFFERENT[name]


def test_the_queues_have_the_priorities_and_the_order_of_the_guide() -> None:
    kinds = {
        e["ComputeEnvironmentName"]: "spot"
        if e["ComputeResources"]["Type"] == "SPOT"
        else "ondemand"
        for e in exported("AWS::Batch::ComputeEnvironment")
    }
    queues = {
        queue["Priority"]: [
            kinds[entry["ComputeEnvironment"]]
            for entry in sorted(queue["ComputeEnvironmentOrder"], key=lambda e: e["Order"])
        ]
        for queue in exported("AWS::Batch::JobQueue")
    }
    assert queues == QUEUES
