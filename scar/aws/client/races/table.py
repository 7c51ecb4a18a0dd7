"""The table of races, used by every client (``call_waits``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.client.races.batch import BATCH_RACES
from scar.aws.client.races.endpoints import ENDPOINT_RACES
from scar.aws.client.races.event_sources import EVENT_SOURCE_RACES
from scar.aws.client.races.iam import IAM_RACES
from scar.aws.client.races.lambda_ import LAMBDA_RACES
from scar.aws.client.races.other_services import OTHER_RACES
from scar.aws.client.races.s3 import S3_RACES

if TYPE_CHECKING:
    from scar.aws.client.races.race import Race

RACES: tuple[Race, ...] = (
    *LAMBDA_RACES,
    *EVENT_SOURCE_RACES,
    *ENDPOINT_RACES,
    *IAM_RACES,
    *S3_RACES,
    *OTHER_RACES,
    *BATCH_RACES,
)
"""All rows; the first that matches an error decides."""


def find_race(service: str, operation: str, code: str, message: str) -> Race | None:
    """Return the row of the table for an error response, the first of several."""
    rows = (race for race in RACES if race.service == service)
    return next((race for race in rows if race.matches(operation, code, message)), None)
