"""The Functions Definition Language: every key, its type, limits and default.

Attribute names are the FDL's keys. Text in ``description`` is what people read in
``docs/fdl.md``. Single values are checked by ``values``; what concerns several keys or functions
is in ``rules``.
"""

from scar.fdl.model.base import Environment, Model, Network, Storage
from scar.fdl.model.batch import Batch, ComputeResources
from scar.fdl.model.document import AwsFunction, Document, Functions, S3Provider, StorageProviders
from scar.fdl.model.lambda_ import Container, FileSystem, Lambda, Supervisor
from scar.fdl.model.services import ApiGateway, CloudWatch, Ecr, Iam

__all__ = [
    "ApiGateway",
    "AwsFunction",
    "Batch",
    "CloudWatch",
    "ComputeResources",
    "Container",
    "Document",
    "Ecr",
    "Environment",
    "FileSystem",
    "Functions",
    "Iam",
    "Lambda",
    "Model",
    "Network",
    "S3Provider",
    "Storage",
    "StorageProviders",
    "Supervisor",
]
