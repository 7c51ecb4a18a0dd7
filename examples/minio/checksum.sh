#!/bin/sh
# Write the checksum of one file. The script cannot tell from which storage its file comes.
set -eu
cd "$TMP_INPUT_DIR"
name=$(basename "$INPUT_FILE_PATH")
sha256sum "$name" | tee "$TMP_OUTPUT_DIR/$name.sha256"
