"""Any set of the options of ``batch``: a Hypothesis strategy of functions of an FDL file."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.fakes.options.batch_options import (
    EFS,
    MANAGED_POLICY,
    S3_FILES,
    SECRET,
    SUBNET,
    complete,
)

_NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,6}", fullmatch=True)
_TEXTS = st.text("ab =/:$é", max_size=8)
_VARIABLES = st.dictionaries(
    _NAMES.filter(lambda name: not name.startswith(("AWS", "SCAR"))), _TEXTS
).map(lambda found: {"Variables": found})
_SHARES = st.sampled_from(("labA", "labB", "x9"))
_LABELS = st.text("abcXYZ 019+-=._:/@", min_size=1, max_size=10).filter(
    lambda t: t.strip() == t and not t.lower().startswith(("aws:", "scar:"))
)


def optional(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=keys)


_OVERRIDES = st.lists(
    st.builds(
        lambda suffix, size, change: {"match": {"suffix": [suffix], "min_size": size}, **change},
        st.sampled_from((".bam", ".cram", ".fq", ".gz")),
        st.sampled_from((0, 5000, "5GB", "1.5MiB")),
        st.sampled_from(
            ({"timeout": 60}, {"memory": 30720, "vcpus": 4}, {"memory": 16384, "vcpus": 2})
        ),
    ),
    max_size=3,
    unique_by=lambda o: o["match"]["suffix"][0],
)
_RETRIES = st.lists(
    st.fixed_dictionaries(
        {"exit_code": st.integers(1, 255)},
        optional={"attempts": st.integers(2, 10), "memory": st.sampled_from(("x2", "x1.5"))},
    ),
    max_size=4,
    unique_by=lambda r: r["exit_code"],
)
_FILE_SYSTEMS = st.lists(
    st.builds(
        lambda arn, path, read_only: {"arn": arn, "path": path, "read_only": read_only},
        st.sampled_from((EFS, S3_FILES)),
        st.sampled_from(("/mnt/data", "/mnt/refs", "/data/a")),
        st.booleans(),
    ),
    max_size=2,
    unique_by=lambda m: m["path"],
)
_TMPFS = st.lists(
    st.builds(
        lambda path, size, options: {"path": path, "size": size, "mount_options": options},
        st.sampled_from(("/scratch", "/work")),
        st.integers(1, 256),
        st.lists(st.sampled_from(("exec", "mode=700", "noatime")), max_size=2, unique=True),
    ),
    max_size=2,
    unique_by=lambda m: m["path"],
)
_LIMITS = st.one_of(
    st.sampled_from((-1, 0, 1024)),
    st.builds(
        lambda soft, more: {"soft": soft, "hard": soft + more},
        st.integers(0, 99),
        st.integers(0, 99),
    ),
)
_ULIMITS = st.dictionaries(
    st.sampled_from(("nofile", "memlock", "core", "stack", "nproc")), _LIMITS, max_size=3
)
_RAW = st.sampled_from(
    (
        {},
        {"privileged": True},
        {"user": "1000", "readonlyRootFilesystem": True},
        {"linuxParameters": {"initProcessEnabled": True, "swappiness": 10}},
        {
            "mountPoints": [{"containerPath": "/host", "sourceVolume": "host"}],
            "volumes": [{"name": "host", "host": {"sourcePath": "/opt"}}],
        },
    )
)
# Of jobs anywhere; those on instances; those of several nodes.
_ANYWHERE: dict[str, Any] = {
    "timeout": st.integers(60, 2_000_000),
    "attempts": st.integers(1, 10),
    "environment": _VARIABLES,
    "file_system": _FILE_SYSTEMS,
    "retry": _RETRIES,
    "cluster": st.booleans(),
    "enable_execute_command": st.booleans(),
    "scheduling": st.builds(
        lambda share, priority: {"share": share, "priority": priority},
        _SHARES,
        st.integers(0, 9999),
    ),
}
_ON_INSTANCES: dict[str, Any] = {
    "vcpus": st.integers(1, 8),
    "memory": st.integers(1100, 14000),
    "overrides": _OVERRIDES,
    "shared_memory": st.integers(0, 300),
    "tmpfs": _TMPFS,
    "ulimits": _ULIMITS,
    "container_properties": _RAW,
}
_RESOURCES: dict[str, Any] = {
    "max_v_cpus": st.integers(512, 4096),
    "wait_limit": st.sampled_from((0, 600, 7200, 86400)),
    "subnets": st.just([SUBNET]),
}
_INSTANCES: dict[str, Any] = {
    **_RESOURCES,
    "min_v_cpus": st.integers(0, 16),
    "scale_down_delay": st.sampled_from((0, 20, 10080)),
    "user_data": st.just("option_files/user_data.sh"),
    "disk": st.one_of(
        st.integers(30, 500),
        optional(
            size=st.integers(30, 500),
            iops=st.integers(3000, 16000),
            instance_store=st.booleans(),
        ),
        st.fixed_dictionaries(
            {
                "type": st.sampled_from(("io1", "io2")),
                "size": st.just(200),
                "iops": st.integers(200, 1000),
            }
        ),
        st.fixed_dictionaries({"type": st.just("gp2"), "size": st.integers(30, 99)}),
    ),
}
_SIZES_OF_FARGATE: tuple[dict[str, Any], ...] = (
    {},
    {"vcpus": 0.25, "memory": 512},
    {"vcpus": 2, "memory": 4096},
)
_DISKS_OF_FARGATE = st.one_of(st.just(0), st.integers(21, 200))
_TYPES = {
    "x86_64": (["m6id", "m6id.4xlarge"], ["m6id.8xlarge"]),
    "arm64": (["m6gd"], ["m6gd.4xlarge", "c6gd.8xlarge"]),
}
_MORE_ENVIRONMENTS = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(("EC2", "SPOT")), "max_v_cpus": st.integers(512, 999)}
    ),
    max_size=3,
    unique_by=lambda e: e["max_v_cpus"],
)


@st.composite
def function_sections(draw: st.DrawFn, name: str = "crop", *, raw: bool = True) -> dict[str, Any]:
    """Draw a function, with raw fields of containers or without; nearly all are valid."""
    fargate = draw(st.integers(0, 3)) == 0
    architecture = draw(st.sampled_from(("x86_64", "arm64")))
    batch = draw(_fargate() if fargate else _instances(architecture))
    mode = "batch" if batch.get("cluster") else draw(st.sampled_from(("batch", "lambda-batch")))
    if mode == "batch" and "multi_node_parallel" not in batch and draw(st.booleans()):
        window, size = draw(st.sampled_from(((0, 10), (30, 500), (300, 10_000))))
        batch["array"] = {"window": window, "size": size}
    if not raw:
        batch.pop("container_properties", None)
    compute = batch["compute_resources"]
    if "scheduling" in batch:
        shares = draw(st.dictionaries(_SHARES, st.sampled_from((0.5, 1.0, 2.5)), max_size=3))
        compute |= {"shares": shares} if shares else {}
    tags = st.dictionaries(_LABELS, _LABELS, max_size=3)
    found = {
        "lambda": {
            "name": name,
            "execution_mode": mode,
            "architecture": architecture,
            **draw(optional(tags=tags, reads=st.just(["refs/hg38", "s3://other-refs/panel"]))),
            "container": draw(
                optional(
                    environment=_VARIABLES, secrets=st.just({"TOKEN": SECRET, "KEY": "ssm:/k"})
                )
            ),
        },
        "iam": draw(optional(policies=st.just([MANAGED_POLICY, "option_files/policy.json"]))),
        "batch": batch,
    }
    return complete(found)


@st.composite
def _fargate(draw: st.DrawFn) -> dict[str, Any]:
    batch = draw(optional(**_ANYWHERE))
    kind = draw(
        st.sampled_from(
            (
                {"preset": "fargate"},
                {"preset": "fargate-spot"},
                {"type": "FARGATE"},
                {"type": "FARGATE_SPOT"},
            )
        )
    )
    compute = {**kind, **draw(optional(**_RESOURCES, disk=_DISKS_OF_FARGATE))}
    size = draw(st.sampled_from(_SIZES_OF_FARGATE))
    return {**batch, **size, "compute_resources": compute}


@st.composite
def _instances(draw: st.DrawFn, architecture: str) -> dict[str, Any]:
    batch = draw(optional(**_ANYWHERE, **_ON_INSTANCES))
    kind = draw(st.sampled_from(("ondemand", "spot", "dual", "EC2", "SPOT", "several", "nodes")))
    compute = draw(optional(**_INSTANCES))
    if draw(st.booleans()) or _uses_store(compute):
        compute["instance_types"] = draw(st.sampled_from(_TYPES[architecture]))
    elif architecture == "x86_64" and kind != "nodes" and draw(st.booleans()):
        batch["gpus"] = draw(st.integers(1, 4))
    spot = kind in ("spot", "dual", "SPOT")
    if spot and draw(st.booleans()):
        compute["bid_percentage"] = draw(st.integers(1, 100))
    _set_kind(draw, kind, batch, compute)
    if kind == "dual" and draw(st.booleans()):
        compute["queue"] = draw(st.sampled_from(("default", "priority")))
    if kind != "nodes" and draw(st.booleans()):
        strategies = _strategies(spot=kind in ("spot", "SPOT"), ordered="instance_types" in compute)
        compute["allocation_strategy"] = draw(st.sampled_from(strategies))
    compute.setdefault("max_v_cpus", 512)
    return {**batch, "compute_resources": compute}


def _set_kind(draw: st.DrawFn, kind: str, batch: dict[str, Any], compute: dict[str, Any]) -> None:
    """Choose the compute environments, or the nodes of each job."""
    match kind:
        case "ondemand" | "spot" | "dual":
            compute["preset"] = kind
        case "several":
            batch["compute_environments"] = draw(_MORE_ENVIRONMENTS)
        case "nodes":
            batch["multi_node_parallel"] = {
                "enabled": True,
                "number_nodes": draw(st.integers(2, 8)),
                "main_node_index": draw(st.integers(0, 1)),
                "timeout": draw(st.integers(60, 999)),
            }
            # A job needs an instance of its own for each node.
            compute["max_v_cpus"] = 4096
        case _:
            compute["type"] = kind


def _uses_store(compute: dict[str, Any]) -> bool:
    disk = compute.get("disk")
    return isinstance(disk, dict) and bool(disk.get("instance_store"))


def _strategies(*, spot: bool, ordered: bool) -> list[str]:
    if spot:
        more = ["SPOT_CAPACITY_OPTIMIZED_PRIORITIZED"] if ordered else []
        return ["SPOT_PRICE_CAPACITY_OPTIMIZED", "SPOT_CAPACITY_OPTIMIZED", *more]
    more = ["BEST_FIT_PROGRESSIVE_ORDERED"] if ordered else []
    return ["BEST_FIT_PROGRESSIVE", *more]
