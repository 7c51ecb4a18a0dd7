"""What `scar show` shows: ``view`` selects values, ``deployed`` reads functions in AWS."""
