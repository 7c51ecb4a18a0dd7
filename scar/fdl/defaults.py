"""Defaults of the FDL that are also read where its model, and pydantic, are not loaded. Pure.

All other defaults stand in the model only.
"""

REPOSITORY_PREFIX = "scar"
