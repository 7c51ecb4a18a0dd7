"""Validate a document against the FDL's model and rules, and report all its problems at once.

``document`` validates it; ``errors`` converts pydantic's errors to messages with a position, and
``partial`` returns what is valid in an invalid document: so that rules are checked there too, and
one fault neither hides another nor makes one up.
"""

from scar.fdl.validation.document import locate_problems, validate_document

__all__ = ["locate_problems", "validate_document"]
