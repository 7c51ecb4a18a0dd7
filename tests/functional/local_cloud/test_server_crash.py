"""kill -9 of the local cloud, with scripts on this machine itself."""

from __future__ import annotations

from tests.fakes.server_crash_tests import ServerCrashes


class TestServerCrashesOnTheHost(ServerCrashes):
    engine = "process"
