"""Start a command in the context of another process: setns(2), chroot, its user, execve.

Two processes are forked. The first joins the namespaces; a namespace of processes applies to
children only, so the second becomes the command. The first waits for it and forwards signals.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, NoReturn

from scar.local.engines.namespaces import privileges, system_calls
from scar.local.shell.process_context import NAMESPACES
from scar.local.shell.pseudo_terminal import PseudoTerminal, has_terminal
from scar.local.shell.run_process import RunProcessError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType

    from scar.local.shell.process_context import ProcessContext

_FORWARDED = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
_RESET = (*_FORWARDED, signal.SIGPIPE, signal.SIGTSTP, signal.SIGWINCH)
STDERR = 2
_SHELLS = (("/bin/bash",), ("/bin/sh",))


def run_in_context(
    context: ProcessContext, command: Sequence[str], environment: Mapping[str, str]
) -> int:
    """Run the command, by default a shell, and return its status (128 + n: killed by signal n).

    It has this process's standard streams, or a pseudo-terminal if these are a terminal. Raise
    RunProcessError if it does not start.
    """
    commands = (tuple(command),) if command else _SHELLS
    with contextlib.ExitStack() as stack:
        terminal = stack.enter_context(PseudoTerminal.open()) if has_terminal() else None
        stack.enter_context(_ignored_interrupts())
        slave = terminal.slave if terminal else None
        child = _start(context, commands, environment, slave)
        if terminal:
            terminal.relay(child)
        return _wait(child)


@contextlib.contextmanager
def _ignored_interrupts() -> Iterator[None]:
    """Leave Ctrl-C and Ctrl-\\ to the command."""
    before = {s: signal.signal(s, signal.SIG_IGN) for s in (signal.SIGINT, signal.SIGQUIT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _start(
    context: ProcessContext,
    commands: Sequence[tuple[str, ...]],
    environment: Mapping[str, str],
    terminal: int | None,
) -> int:
    """Fork the first process and return its pid once the command runs."""
    errors, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _join_and_wait(context, commands, environment, (terminal, write_end))
        except OSError as error:
            _fail(write_end, error)
        except BaseException as error:  # noqa: BLE001 - the fork must not return
            _fail(write_end, OSError(0, repr(error)))
    os.close(write_end)
    with open(errors, "rb") as file:  # noqa: PTH123
        problem = file.read().decode(errors="replace")  # ends when the command starts
    if problem:
        _wait(child)
        raise RunProcessError(
            f"The command did not start beside the run: {problem}",
            remedy="Name a program of the run's image after `--`, or check that the run has not"
            " ended.",
        )
    return child


def _join_and_wait(
    context: ProcessContext,
    commands: Sequence[tuple[str, ...]],
    environment: Mapping[str, str],
    descriptors: tuple[int | None, int],
) -> NoReturn:
    terminal, errors = descriptors
    system_calls.prctl(system_calls.PR_SET_PDEATHSIG, signal.SIGKILL)
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names; also what scar's caller left
        with contextlib.suppress(OSError):  # that of the listing is closed
            os.set_inheritable(int(name), int(name) <= STDERR)
    if context.namespaces:
        # The script's processes must not trace this process and read scar's memory and files
        # before execve, which makes the command traceable again.
        system_calls.prctl(system_calls.PR_SET_DUMPABLE, 0)
        with contextlib.suppress(OSError):  # kernels without keyrings have no keys to protect
            system_calls.join_new_session_keyring()
    _join_namespaces(context)
    child = os.fork()
    if child == 0:
        try:
            _restrict(context)
            _prepare_process(terminal)
            if context.system_call_filter:
                system_calls.install_seccomp_filter(context.system_call_filter)
            _execute(commands, environment)
        except OSError as error:
            _fail(errors, error)
        os._exit(126)
    os.close(errors)
    _forward_signals(child)
    os._exit(_wait(child))


def _join_namespaces(context: ProcessContext) -> None:
    """Join all namespaces but root's user namespace, and enter root and working folder.

    An ordinary user has the rights for the others in the user namespace only. Root has them
    outside, and loses them in a user namespace to which they do not belong.
    """
    for name in sorted(context.namespaces, key=lambda name: (name != "user", name)):
        if name != "user" or not context.as_root:
            system_calls.join_namespace(context.namespaces[name], NAMESPACES[name], name)
    if context.root is not None:
        os.fchdir(context.root)
        os.chroot(".")
    os.fchdir(context.folder)


def _restrict(context: ProcessContext) -> None:
    """Take away what the process does not have, and become its user."""
    if context.as_root and "user" in context.namespaces:
        system_calls.join_namespace(context.namespaces["user"], NAMESPACES["user"], "user")
    for capability in range(privileges.HIGHEST_CAPABILITY + 1):
        if not context.capabilities >> capability & 1:
            system_calls.drop_from_bounding_set(capability)
    if context.as_root:  # for an ordinary user only their own ids are mapped: nothing to change
        os.setgroups(context.groups)
        os.setresgid(context.group, context.group, context.group)
        os.setresuid(context.user, context.user, context.user)
    # A filter can only be installed by a process that cannot gain privileges.
    if context.no_new_privileges or context.system_call_filter:
        system_calls.prctl(system_calls.PR_SET_NO_NEW_PRIVS, 1)


def _prepare_process(terminal: int | None) -> None:
    """Begin a session, with the pseudo-terminal if there is one; end with the first process."""
    system_calls.prctl(system_calls.PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()
    if terminal is not None:
        PseudoTerminal.attach(terminal)
    for number in _RESET:
        signal.signal(number, signal.SIG_DFL)


def _execute(commands: Sequence[tuple[str, ...]], environment: Mapping[str, str]) -> NoReturn:
    """Become the first of the commands that exists; raise OSError if none does."""
    *others, last = commands
    for command in others:
        with contextlib.suppress(OSError):
            os.execvpe(command[0], command, environment)  # noqa: S606 - no shell
    try:
        os.execvpe(last[0], last, environment)  # noqa: S606 - no shell
    except OSError as error:
        raise OSError(error.errno, f"{last[0]}: {error.strerror}") from error


def _forward_signals(child: int) -> None:
    """Send the signals of this process to all processes of the command's session."""

    def forward(number: int, frame: FrameType | None) -> None:
        del frame
        try:
            os.killpg(child, number)
        except ProcessLookupError:  # it has not begun its session
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)

    for number in _FORWARDED:
        signal.signal(number, forward)


def _wait(child: int) -> int:
    """Return the exit status of a child, as a shell reports it."""
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if code >= 0 else 128 - code


def _fail(errors: int, error: OSError) -> NoReturn:
    """Report why the command does not start, and end this process."""
    os.write(errors, (error.strerror or repr(error)).encode(errors="replace"))
    os._exit(126)
