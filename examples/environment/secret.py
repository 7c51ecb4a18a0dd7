#!/usr/bin/env python3
"""Store a SecureString in the Parameter Store, or delete it.

    printf %s VALUE | python3 secret.py put NAME
    python3 secret.py delete NAME

The value is read from standard input, because other users of a machine can see command lines. The
AWS CLI does the same with `aws ssm put-parameter --type SecureString`.
"""

import sys

import boto3

verb, name = sys.argv[1:]
parameters = boto3.client("ssm")
if verb == "put":
    value = sys.stdin.read()
    parameters.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)
elif verb == "delete":
    parameters.delete_parameter(Name=name)
else:
    sys.exit(__doc__)
