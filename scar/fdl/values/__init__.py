"""Values of the FDL with rules of their own, apart from the model.

``regions`` checks the names of AWS Regions, ``policy_files`` the user's IAM policies and their
files; ``field_types`` makes types of them. ``aws_names`` has the types of the ids and names of what
users have made in AWS: subnets, security groups, roles.
"""
