"""The errors by which AWS refuses what was made moments ago; they pass without a correction.

``race`` is the type, ``table`` joins the rows of all services: ``lambda_``, ``event_sources``
(mappings and their queues), ``endpoints`` (HTTP APIs, function URLs), ``iam``, ``s3``, ``batch``
and ``other_services`` (log groups, repositories). To wait for a further race, add a row; nothing
else has to be changed.

A handler that waits for a state instead of an error asks ``AwsConnection.recent_changes`` whether
its cause is recent.
"""

from scar.aws.client.races.race import PATIENCE, SHORT_PATIENCE, Race
from scar.aws.client.races.table import find_race

__all__ = ["PATIENCE", "SHORT_PATIENCE", "Race", "find_race"]
