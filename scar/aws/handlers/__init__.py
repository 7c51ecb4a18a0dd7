"""One handler per kind of resource; ``scar.aws.deploy.apply`` knows which serves what.

A handler answers with the SDK's errors; whoever calls it translates them.
"""
