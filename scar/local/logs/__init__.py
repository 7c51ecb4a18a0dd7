"""CloudWatch Logs: the events of functions and jobs, kept on disk.

    store     groups, streams and events in SQLite; bounded per group
    pattern   the part of the filter pattern language that is understood
    plane     the JSON calls about streams and events; groups themselves are moto's

A group keeps at most ``store.MAX_GROUP_BYTES`` of messages: the oldest events go first, also
before the retention of the group is over.
"""
