"""User data of EC2 instances: MIME multipart, into which AWS Batch merges a part of its own.

https://docs.aws.amazon.com/batch/latest/userguide/launch-templates.html
"""

from __future__ import annotations

from email import message_from_string

_BOUNDARY = "==SCAR=="
_SCRIPT_TYPE = 'Content-Type: text/x-shellscript; charset="utf-8"\n\n'
_HEAD = (
    f'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="{_BOUNDARY}"\n\n'
    f"--{_BOUNDARY}\n{_SCRIPT_TYPE}"
)
_TAIL = f"\n--{_BOUNDARY}--\n"

# Runs before the ECS agent, which starts after cloud-init's last stage. Images and the containers'
# own files are in Docker's folder, or in containerd's since Docker 29. An instance without such
# disks keeps them on its root volume. xfs is that of the image's root volume.
INSTANCE_STORE_SCRIPT = """\
#!/bin/bash
# scar: Docker's files on the instance stores (compute_resources.disk.instance_store)
set -eu
stores=$(lsblk --nodeps --noheadings --paths --output NAME,MODEL |
  awk '/Amazon EC2 NVMe Instance Storage/ {print $1}')
[ -n "$stores" ] || exit 0
count=$(echo "$stores" | wc -l)
store=$stores
if [ "$count" -gt 1 ]; then
  command -v mdadm >/dev/null || dnf install -y mdadm
  store=/dev/md/scar
  mdadm --create "$store" --run --level=0 --raid-devices="$count" $stores
fi
mkfs.xfs -f "$store"
mkdir -p /mnt/instance-store
mount -o noatime "$store" /mnt/instance-store
systemctl stop docker.socket docker containerd
for folder in docker containerd; do
  mkdir -p "/mnt/instance-store/$folder" "/var/lib/$folder"
  mount --bind "/mnt/instance-store/$folder" "/var/lib/$folder"
done
systemctl start containerd docker
"""


def wrap_in_multipart(user_data: str) -> str:
    """Return user data as MIME multipart.

    User data that is not a script (``#!``) must be MIME multipart already.
    """
    return f"{_HEAD}{user_data}{_TAIL}" if user_data.startswith("#!") else user_data


def unwrap_multipart(text: str) -> str:
    """Return the user data that ``wrap_in_multipart`` was called with."""
    if text.startswith(_HEAD) and text.endswith(_TAIL):
        return text[len(_HEAD) : -len(_TAIL)]
    return text


def with_instance_store(user_data: str) -> str:
    """Return the user's data, if any, after the part that prepares the instance stores.

    The user's multipart is taken apart: a multipart inside of another one is not documented.
    """
    if not user_data:
        return INSTANCE_STORE_SCRIPT
    if user_data.startswith("#!"):
        parts = [_SCRIPT_TYPE + user_data]
    else:
        leaves = [p for p in message_from_string(user_data).walk() if not p.is_multipart()]
        for leaf in leaves:
            del leaf["MIME-Version"]
        parts = [leaf.as_string() for leaf in leaves]
    # Not that of ``wrap_in_multipart``, which is unwrapped, nor a line of the user's own data.
    boundary = "==SCAR-PARTS=="
    while any(boundary in part for part in parts):
        boundary += "="
    bodies = "".join(f"\n--{boundary}\n{part}" for part in parts)
    head = _HEAD.replace(_BOUNDARY, boundary)
    return f"{head}{INSTANCE_STORE_SCRIPT}{bodies}\n--{boundary}--\n"
