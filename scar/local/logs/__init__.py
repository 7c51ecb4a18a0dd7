"""CloudWatch Logs on this machine: the log events of functions and jobs, stored on disk.

The Lambda and Batch services write events directly to the ``store`` (SQLite), which creates
streams as needed and keeps at most ``store.MAX_GROUP_BYTES`` of messages per log group: the oldest
events are deleted first, even before the group's retention period is over. API requests arrive at
``service``, which reads their ``parameters``, finds events in the store, selects those that match
a ``filter_pattern``, and returns them in pages. moto serves the log groups themselves.

``model`` holds the data types. One more operation on streams or events is one more case in
``service``. ``filter_pattern`` is pure; it implements terms only and refuses the JSON, field and
regular-expression patterns of AWS.
"""
