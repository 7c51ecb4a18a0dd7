"""Values of the FDL with rules of their own, apart from the model.

``regions`` checks the names of AWS Regions, ``policy_files`` the user's IAM policies and their
files, ``addresses`` the URLs of other stores, ``ca_bundles`` their certificates, ``storage_paths``
folders in all stores, and ``secret_values`` where their secrets are read. ``byte_sizes`` reads
sizes with a unit. ``aws_names`` has the types of the ids and names of what users have made in AWS:
subnets, security groups, roles. ``field_types`` makes types of most of the others.
"""
