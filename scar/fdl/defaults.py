"""Defaults of the FDL that are needed without importing its model, which imports pydantic.

All other defaults are in the model only.
"""

REPOSITORY_PREFIX = "scar"
