"""kill -9 of the local cloud, with scripts in real containers."""

from __future__ import annotations

import pytest

from tests.fakes.server_crash_tests import ServerCrashes

pytestmark = pytest.mark.container


class TestServerCrashesWithDocker(ServerCrashes):
    engine = "docker"


class TestServerCrashesWithSandboxes(ServerCrashes):
    engine = "sandbox"
