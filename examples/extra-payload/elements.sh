#!/bin/sh
# Replace the symbols of chemical elements by their names. The program and its table are in the
# extra payload: one folder of the image, read-only in Lambda.
set -eu
payload=${EXTRA_PAYLOAD:-/opt/scar/function}
awk -f "$payload/names.awk" "$payload/elements.tsv" "$INPUT_FILE_PATH" |
    tee "$TMP_OUTPUT_DIR/$(basename "$INPUT_FILE_PATH")"
