"""Why a container test may skip where container tests are required."""

from __future__ import annotations

# The beginning of the reason: the test is about something that this engine does not have.
NOT_FOR_ENGINE = "not for this engine"
