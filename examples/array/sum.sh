#!/bin/sh
# Add the numbers of one file. Each file is one child of an array job, with a run of its own.
set -eu
sum=$(awk '{ sum += $1 } END { print sum + 0 }' "$INPUT_FILE_PATH")
echo "$sum" >"$TMP_OUTPUT_DIR/$(basename "$INPUT_FILE_PATH")"
echo "child ${AWS_BATCH_JOB_ARRAY_INDEX:-none}: $sum"
