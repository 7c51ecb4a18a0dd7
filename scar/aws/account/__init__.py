"""Read what the account is like: the facts that the plan and the validation depend on.

``account_state`` collects all of them in parallel, before the first change, into one frozen value
for the compiler and the account checks: ``buckets`` (owner, Region, KMS key), ``network`` (VPC,
subnets, security groups; ``routes`` evaluates their route tables), ``file_systems`` (mount targets
of EFS and S3 Files), ``secret_states`` (secrets that do not exist), ``quotas`` (Lambda concurrency,
EC2 vCPUs) and ``pass_role`` (trust policies, simulated ``iam:PassRole``). A fact that cannot be
read becomes a warning, unless the deployment cannot continue without it. ``store_states`` tries the
stores other than the account's S3 before changes are applied.

``price_list`` reads AWS's current list prices, which no command needs yet, and keeps them in
``price_cache``.

Two modules read facts that change while scar works, and are therefore called again right before a
deletion: ``jobs`` (unfinished jobs) and ``image_usage`` (images that something still uses).

To check one more property of accounts, read it here, add a field to ``account_state``, and check
it in the validation. Nothing in this package changes the account, except that ``jobs`` terminates
jobs; ``routes`` does no I/O.
"""
