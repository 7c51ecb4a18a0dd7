"""A server that answers like S3, with a given latency, and discards what it is sent.

For measurements of clients: it must never be what limits them. So it verifies no signature, stores
no object, and prepares what it can before the first request. Objects to read are folders of equal
objects, given at the start; every write succeeds. Standard library only: it starts in no time.

``server`` has the processes and their loop, ``connection`` reads requests and writes responses,
``s3`` answers them, ``listing`` has the pages of keys and ``logs`` those of CloudWatch Logs;
``counters`` counts in memory that all processes share. ``running`` starts a sink and reads its
counters, for the benchmarks. ``capacity`` measures how much it serves.
"""
