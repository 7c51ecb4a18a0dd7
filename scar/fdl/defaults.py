"""Defaults and descriptions that several modules need, some without importing the FDL's model.

All other defaults are in the model only.
"""

REPOSITORY_PREFIX = "scar"
REGION_OF_FUNCTION = "empty, or the function's Region (`lambda.region`): another is refused"
PROFILE_OF_FUNCTION = "`default`, or the function's profile (`lambda.boto_profile`): as `region`"
