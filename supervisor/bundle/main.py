"""Started by ``/opt/scar/launch`` in every function image; short, because it is not compiled."""

import marshal
import posix
import sys

HOME = __file__.removesuffix("main.py")
file = posix.open(HOME + "modules.bin", posix.O_RDONLY | posix.O_CLOEXEC)
size = int(posix.pread(file, 8, 0), 16)
library, modules, code = marshal.loads(posix.pread(file, size, 8))  # noqa: S302 - of the bundle
exec(code, importer := {"__name__": "supervisor.runtime.module_archive"})  # noqa: S102 - as above
archive = importer["ModuleArchive"](HOME, file, 8 + size, modules)  # type: ignore[operator]
importer["install"](archive, f"{HOME}{library}/encodings")  # type: ignore[operator]

from supervisor.runtime import fast_start  # noqa: E402 - from the archive

fast_start.prepare(HOME + "methods.bin")

from supervisor.__main__ import main  # noqa: E402 - fast_start must come first

sys.exit(main())
