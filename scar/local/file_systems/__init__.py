"""File systems of EFS and S3 Files in the local cloud, and other storage of functions and jobs.

An access point is a folder (``folders``). ``mount_targets`` answers what ``scar init`` reads about
the network of file systems, and ``storage_guard`` refuses what the engine cannot mount or set.
"""

from scar.local.file_systems.folders import FileSystemFolders, access_point_of
from scar.local.file_systems.mount_targets import MountTargetApi
from scar.local.file_systems.storage_guard import StorageGuard

__all__ = ["FileSystemFolders", "MountTargetApi", "StorageGuard", "access_point_of"]
