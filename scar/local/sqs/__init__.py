"""SQS of the local cloud: messages are scar's own, queues and their settings are moto's.

``store`` keeps messages in SQLite, so that they survive a restart; ``api`` answers the calls about
messages, also those of S3 notifications and destinations of Lambda. FIFO queues remain moto's.
"""
