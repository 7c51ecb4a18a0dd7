#!/bin/sh
# Make a thumbnail of one picture, and describe it. Each output file goes to the output of the FDL
# file that takes its suffix.
set -eu

# Lambda runs one program at a time on a part of a vCPU: threads of ImageMagick would only wait.
export MAGICK_THREAD_LIMIT=1

# The key is pictures/<folders>/<file>. The folders are kept, so that two pictures with the same
# name in different folders do not overwrite each other's thumbnails.
folder=$(dirname "${STORAGE_OBJECT_KEY#pictures/}")
name=$(basename "$INPUT_FILE_PATH" .png)
out="$TMP_OUTPUT_DIR/$folder"
mkdir -p "$out"

convert "$INPUT_FILE_PATH" -resize 50% -colorspace gray "$out/$name.png"
identify -format '%[basename] %m %wx%h\n' "$INPUT_FILE_PATH" "$out/$name.png" | tee "$out/$name.txt"
