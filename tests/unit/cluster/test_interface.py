"""What programs and clients get: arguments, missing packages, signals, files."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import scar.cluster
from scar.cluster import client_files, exit_signals
from scar.cluster.connecting import is_local
from scar.errors import ConfigurationError
from supervisor.runs.cluster_record import ClusterPath, ClusterSpec

ROOT = Path(__file__).parents[3]
SPEC = ClusterSpec(authority="CA", certificate="CERT", key="KEY")


@pytest.mark.parametrize("module", ["distributed", "cryptography"])
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigurationError) as caught:
        _ = scar.cluster.BatchCluster
    assert caught.value.remedy.endswith("pip install 'scar-serverless[dask]'")


def test_dask_is_imported_at_the_first_use_only() -> None:
    program = (
        "import sys, scar.cluster, scar.cluster.control, scar.cluster.scheduler_wait;"
        "import scar.cli.commands.cluster.start;"
        "sys.exit(' '.join(n for n in ('dask', 'distributed', 'cryptography') if n in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stderr.strip() == ""


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"n": -1}, "n is -1"),
        ({"scheduler": "laptop"}, "scheduler is 'laptop'"),
        ({"name": "Night"}, "cannot be the name of a cluster"),
        ({"name": "a" * 33}, "cannot be the name of a cluster"),
    ],
)
def test_arguments_are_checked_before_anything_is_started(
    arguments: dict[str, object], problem: str
) -> None:
    # In a process of its own: importing dask changes the event loop and the logs of this one.
    program = (
        "from scar.cluster import BatchCluster\n"
        "from scar.errors import UsageError\n"
        "try:\n"
        f"    BatchCluster('grid', **{arguments!r})\n"
        "except UsageError as error:\n"
        "    print(error.problem)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert problem in done.stdout


def test_term_ends_a_program_in_order_until_the_cluster_is_closed() -> None:
    # A test before this one may have left a handler in the process.
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    restore = exit_signals.exit_at_term()
    try:
        with pytest.raises(SystemExit) as caught:
            os.kill(os.getpid(), signal.SIGTERM)
        assert caught.value.code == 143
        # A second one does not interrupt the closing.
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        restore()
        signal.signal(signal.SIGTERM, before)


def test_a_programs_own_handler_remains() -> None:
    def own(_number: int, _frame: object) -> None:
        pass

    before = signal.signal(signal.SIGTERM, own)
    try:
        exit_signals.exit_at_term()()
        assert signal.getsignal(signal.SIGTERM) is own
    finally:
        signal.signal(signal.SIGTERM, before)
    thread = threading.Thread(target=exit_signals.exit_at_term)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before
    exit_signals.exit_at_term()()
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("value", "local"), [("1", True), ("yes", True), ("True", True), ("0", False), ("", False)]
)
def test_the_local_cloud_is_selected_as_on_the_command_line(value: str, *, local: bool) -> None:
    assert is_local({"SCAR_LOCAL": value}) is local
    assert not is_local({})


def test_files_of_clients_are_private_and_replaced(tmp_path: Path) -> None:
    path = ClusterPath(function="grid", cluster="night")
    folder = client_files.client_folder({"XDG_STATE_HOME": str(tmp_path)}, path)
    assert folder == tmp_path / "scar/clusters/grid/night"
    client_files.write_client_files(folder, SPEC)
    # A link in the place of a file is not followed.
    target = tmp_path / "target"
    target.write_text("mine")
    (folder / "key.pem").unlink()
    (folder / "key.pem").symlink_to(target)
    files = client_files.write_client_files(folder, SPEC)
    assert target.read_text() == "mine"
    assert {key: file.read_text() for key, file in files.items()} == {
        "tls_ca_file": "CA",
        "tls_client_cert": "CERT",
        "tls_client_key": "KEY",
    }
    for file in (*files.values(), folder):
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0
    client_files.remove_client_files(folder)
    client_files.remove_client_files(folder)
    assert not folder.exists()


def test_the_printed_code_is_python() -> None:
    code = client_files.connection_code("tls://h:1", {"tls_ca_file": Path("/a b/'ca.pem")})
    compile(code, "printed", "exec")
    assert "'tls://h:1'" in code
