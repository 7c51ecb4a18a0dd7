"""The disks of EC2 instances: what EBS and the instance types offer, and how they are prepared.

``ebs_volumes`` has the types of root volumes with their limits, ``instance_stores`` the families
with NVMe disks, ``user_data`` the scripts that instances run when they start.
"""
