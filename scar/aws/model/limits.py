"""AWS's limits, each with its source and the date when the source was read.

Sources: ``model`` is the service model in botocore 1.43 (ranges and documentation of the shapes),
``docs`` the service's user guide, ``observed`` a response of AWS quoted in a public issue.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_INTEGER = 2**31 - 1
"""The largest integer that most of AWS's APIs take (model: the type `integer` has 32 bits)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """An inclusive range of numbers in ``unit``, with its source and the month it was read."""

    minimum: int = 0
    maximum: int
    unit: str
    source: str
    read_on: str = "2026-11"

    def allows(self, value: float) -> bool:
        """Return whether the value, in the limit's unit, is within the range."""
        return self.minimum <= value <= self.maximum


KIB = 1024

LAMBDA_MEMORY = Limit(minimum=128, maximum=10_240, unit="MB", source="model, docs")
# New accounts have less, as the Lambda quotas page says without a number, and no API shows it.
LAMBDA_NEW_ACCOUNT_MEMORY = Limit(
    minimum=128, maximum=3_008, unit="MB", source="observed: errors of CreateFunction"
)
# Accounts with less are new: AWS raises both quotas with the account's usage.
LAMBDA_CONCURRENCY = Limit(maximum=1_000, unit="runs by default", source="docs: Lambda quotas")
LAMBDA_TIMEOUT = Limit(minimum=1, maximum=900, unit="s", source="docs: Lambda quotas")
LAMBDA_IMAGE = Limit(maximum=10 * KIB**3, unit="bytes unpacked", source="docs: Lambda quotas")
LAMBDA_EPHEMERAL = Limit(minimum=512, maximum=10_240, unit="MB", source="model, docs")
LAMBDA_ENVIRONMENT = Limit(maximum=4 * KIB, unit="bytes of JSON", source="docs: Lambda quotas")
LAMBDA_SYNC_PAYLOAD = Limit(maximum=6 * KIB * KIB, unit="bytes", source="model: Invoke")
LAMBDA_ASYNC_PAYLOAD = Limit(maximum=KIB * KIB, unit="bytes", source="model: Invoke")
LAMBDA_RETRIES = Limit(maximum=2, unit="attempts", source="model: MaximumRetryAttempts")
LAMBDA_EVENT_AGE = Limit(minimum=60, maximum=21_600, unit="s", source="model: MaximumEventAge")
EVENT_SOURCE_WINDOW = Limit(
    maximum=300, unit="s", source="model: CreateEventSourceMapping.MaximumBatchingWindowInSeconds"
)
EVENT_SOURCE_BATCH = Limit(
    minimum=1, maximum=10_000, unit="messages", source="model: CreateEventSourceMapping.BatchSize"
)
# docs, BatchSize: "When you set BatchSize to a value greater than 10, you must set
# MaximumBatchingWindowInSeconds to at least 1."
EVENT_SOURCE_BATCH_WITHOUT_WINDOW = Limit(
    minimum=1, maximum=10, unit="messages", source="model: CreateEventSourceMapping.BatchSize"
)
EVENT_SOURCE_CONCURRENCY = Limit(
    minimum=2, maximum=1_000, unit="invocations", source="model: ScalingConfig.MaximumConcurrency"
)
SQS_NAME = Limit(minimum=1, maximum=80, unit="characters", source="model: CreateQueue.QueueName")
SQS_VISIBILITY = Limit(maximum=43_200, unit="s", source="model: CreateQueue, VisibilityTimeout")
SQS_RETENTION = Limit(
    minimum=60, maximum=1_209_600, unit="s", source="model: CreateQueue, MessageRetentionPeriod"
)
LAMBDA_NAME = Limit(minimum=1, maximum=64, unit="characters", source="model: FunctionName")
LAMBDA_DESCRIPTION = Limit(maximum=256, unit="characters", source="model: Description")
LAMBDA_STATEMENT_ID = Limit(minimum=1, maximum=100, unit="characters", source="model: StatementId")
# Lambda rejects a reserved concurrency that leaves the account fewer than 100 unreserved runs.
LAMBDA_UNRESERVED = Limit(
    minimum=100, maximum=MAX_INTEGER, unit="runs", source="docs: reserved concurrency"
)

HTTP_API_NAME = Limit(minimum=1, maximum=128, unit="characters", source="model: CreateApi.Name")
HTTP_API_TIMEOUT = Limit(
    minimum=50, maximum=30_000, unit="ms", source="model: TimeoutInMillis; docs: HTTP API quotas"
)
HTTP_API_PAYLOAD = Limit(maximum=10 * KIB * KIB, unit="bytes", source="docs: HTTP API quotas")
# What an account has by default in most Regions; some have a quarter of it.
HTTP_API_RATE = Limit(maximum=10_000, unit="requests a second", source="docs: API Gateway quotas")
HTTP_API_BURST = Limit(maximum=5_000, unit="requests", source="docs: API Gateway quotas")
CORS_MAX_AGE = Limit(maximum=86_400, unit="s", source="model: Cors.MaxAge")
CORS_ENTRIES = Limit(maximum=100, unit="entries", source="model: lambda, Cors")
CORS_ORIGIN = Limit(minimum=1, maximum=253, unit="characters", source="model: lambda, Origin")
CORS_HEADER = Limit(minimum=1, maximum=1_024, unit="characters", source="model: lambda, Header")

BATCH_DEFINITION = Limit(maximum=24 * KIB, unit="bytes of JSON", source="docs: Batch quotas")
BATCH_SUBMISSION = Limit(maximum=30 * KIB, unit="bytes of JSON", source="docs: Batch quotas")
BATCH_OVERRIDES = Limit(maximum=8_192, unit="characters", source="observed: statusReason")
BATCH_ARRAY_SIZE = Limit(
    minimum=2, maximum=10_000, unit="children", source="model: SubmitJob.arrayProperties"
)
BATCH_DEPENDENCIES = Limit(maximum=20, unit="jobs", source="docs: Batch quotas")
BATCH_ATTEMPTS = Limit(minimum=1, maximum=10, unit="attempts", source="model: RetryStrategy")
BATCH_EXIT_RULES = Limit(maximum=5, unit="rules", source="model: RetryStrategy")
BATCH_ATTEMPT_SECONDS = Limit(minimum=60, maximum=MAX_INTEGER, unit="s", source="model: JobTimeout")
BATCH_STATE_SECONDS = Limit(
    minimum=600, maximum=86_400, unit="s", source="model: JobStateTimeLimitAction"
)
BATCH_MEMORY = Limit(
    minimum=4, maximum=MAX_INTEGER, unit="MiB", source="model: ResourceRequirement"
)
# Batch has no maximum: these are the most that one of EC2's instance types for general use has.
BATCH_VCPUS = Limit(minimum=1, maximum=192, unit="vCPUs", source="docs: EC2 instance types")
BATCH_GPUS = Limit(minimum=1, maximum=16, unit="GPUs", source="docs: EC2 instance types")
# Batch itself has no such limit: a job that no instance type can hold stays in RUNNABLE for ever.
BATCH_INSTANCE_MEMORY = Limit(
    minimum=4, maximum=1024 * 1024, unit="MiB", source="docs: EC2 memory optimized, r6i.32xlarge"
)
# AWS documents no maximum for numNodes; 1,000 is that of the console.
BATCH_REASON = Limit(minimum=1, maximum=1_024, unit="characters", source="model: TerminateJob")
BATCH_NODES = Limit(minimum=2, maximum=1_000, unit="nodes", source="observed: Batch console")
BATCH_ENVIRONMENTS_PER_QUEUE = Limit(minimum=1, maximum=3, unit="environments", source="docs")
BATCH_BID_PERCENTAGE = Limit(
    minimum=1, maximum=100, unit="% of the On-Demand price", source="model: ComputeResource"
)
BATCH_SCALE_DOWN_MINUTES = Limit(
    minimum=20, maximum=10_080, unit="min", source="model: ComputeScalingPolicy"
)
BATCH_SCHEDULING_PRIORITY = Limit(maximum=9_999, unit="priority", source="model: SubmitJob")
BATCH_SHARES = Limit(maximum=500, unit="share identifiers", source="model: ShareAttributes")
BATCH_SHARE_WEIGHT = (0.0001, 999.9999)
"""The least and the largest weight of a share (model: ShareAttributes, 2026-11)."""
BATCH_ENVIRONMENTS = Limit(maximum=50, unit="per Region", source="docs: Batch quotas")
BATCH_QUEUES = Limit(maximum=50, unit="per Region", source="docs: Batch quotas")

SSE_ALGORITHMS = ("AES256", "aws:kms", "aws:kms:dsse")
"""The values of x-amz-server-side-encryption for general purpose buckets (model, 2026-11)."""

S3_KEY = Limit(minimum=1, maximum=1024, unit="bytes of UTF-8", source="docs: object keys")
S3_OBJECT = Limit(maximum=50 * KIB**4, unit="bytes", source="docs: Amazon S3 objects")
S3_METADATA = Limit(maximum=2 * KIB, unit="bytes", source="docs: user-defined metadata")
S3_RULE_VALUE = Limit(maximum=1024, unit="bytes, encoded", source="model: FilterRule; observed")
S3_TAG_KEY = Limit(minimum=1, maximum=128, unit="characters", source="docs: cost allocation tags")
S3_TAG_VALUE = Limit(maximum=256, unit="characters", source="docs: cost allocation tags")
S3_BUCKET_TAGS = Limit(maximum=50, unit="tags", source="docs: cost allocation tags")
TAG_KEY = Limit(minimum=1, maximum=128, unit="characters", source="model: TagKey")
TAG_VALUE = Limit(maximum=256, unit="characters", source="model: TagValue")
TAGS = Limit(maximum=50, unit="tags of a resource", source="docs: tagging AWS resources")

IAM_ROLE_NAME = Limit(minimum=1, maximum=64, unit="characters", source="model: roleNameType")
IAM_INLINE_POLICIES = Limit(maximum=10_240, unit="characters but spaces", source="docs: IAM quotas")
IAM_ATTACHED_POLICIES = Limit(
    maximum=25, unit="managed policies of a role", source="docs: IAM quotas"
)
IAM_DEFAULT_ATTACHED_POLICIES = Limit(
    maximum=10, unit="managed policies of a role by default", source="docs: IAM quotas"
)
IAM_TRUST_POLICY = Limit(maximum=2_048, unit="characters but spaces", source="docs: IAM quotas")

# A root volume cannot be smaller than the snapshot of its image. That of Amazon's ECS images of
# Amazon Linux 2023, with and without GPUs, has 30 GiB.
EC2_ROOT_VOLUME = Limit(
    minimum=30, maximum=65_536, unit="GiB", source="aws/amazon-ecs-ami, block_device_size_gb"
)
EC2_USER_DATA = Limit(maximum=16 * KIB, unit="bytes before base64", source="docs: EC2 user data")
FARGATE_DISK = Limit(minimum=21, maximum=200, unit="GiB", source="model: EphemeralStorage")

ECR_REPOSITORY_NAME = Limit(
    minimum=2, maximum=256, unit="characters", source="model: RepositoryName"
)

LOG_RETENTION_DAYS = frozenset(
    {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731}
    | {1096, 1827, 2192, 2557, 2922, 3288, 3653}
)
"""The days that PutRetentionPolicy accepts (model: RetentionInDays, 2026-11)."""

FARGATE_MEMORY: dict[str, frozenset[int]] = {
    "0.25": frozenset({512, 1024, 2048}),
    "0.5": frozenset(range(1024, 4096 + 1, 1024)),
    "1": frozenset(range(2048, 8192 + 1, 1024)),
    "2": frozenset(range(4096, 16384 + 1, 1024)),
    "4": frozenset(range(8192, 30720 + 1, 1024)),
    "8": frozenset(range(16384, 61440 + 1, 4096)),
    "16": frozenset(range(32768, 122880 + 1, 8192)),
    "32": frozenset({61440, 122880, 249856}),
}
"""The memory sizes in MiB of each number of vCPUs (model: ResourceRequirement, 2026-11)."""

LAMBDA_RESERVED_VARIABLES = frozenset(
    [
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    ]
)
"""Variables that Lambda sets itself (docs: "Defined runtime environment variables", 2026-11)."""

CLOUDFORMATION_RESOURCES = Limit(
    maximum=500, unit="resources", source="docs: CloudFormation quotas"
)
CLOUDFORMATION_PARAMETERS = Limit(
    maximum=200, unit="parameters", source="docs: CloudFormation quotas"
)
CLOUDFORMATION_NAME = Limit(
    minimum=1, maximum=255, unit="characters", source="docs: CloudFormation quotas"
)
CLOUDFORMATION_TEMPLATE = Limit(
    maximum=1_000_000, unit="bytes", source="docs: CloudFormation quotas, template in S3"
)
CLOUDFORMATION_INLINE_TEMPLATE = Limit(
    maximum=51_200, unit="bytes", source="docs: CloudFormation quotas, template in a request"
)
CLOUDFORMATION_OPERANDS = Limit(
    minimum=2, maximum=10, unit="conditions", source="docs: Fn::And, Fn::Or"
)
