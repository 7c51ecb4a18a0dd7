"""Event source mappings of the local cloud: SQS queues that invoke functions.

``mapping`` is the configuration of one and its form in the API, ``store`` keeps them in SQLite,
``api`` answers the calls about them, and ``poller`` receives messages and invokes the functions.
"""
