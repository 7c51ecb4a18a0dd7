"""Print the page of SCAR's words: ``python -m scar.fdl.scar_words > docs/scar-words.md``."""

import sys

from scar.fdl.scar_words.page import build_page

if __name__ == "__main__":
    sys.stdout.write(build_page())
