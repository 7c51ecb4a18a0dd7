"""Lines of log groups, as CloudWatch Logs returns them.

``lines`` reads a group page by page; ``request_lines`` selects those of one request of Lambda or of
one job of Batch.
"""
