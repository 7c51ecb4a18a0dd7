#!/bin/sh
# Recognize the text of one page. tesseract adds .txt to the name of its output.
set -eu
page=$(basename "$INPUT_FILE_PATH" .png)
tesseract "$INPUT_FILE_PATH" "$TMP_OUTPUT_DIR/$page" --dpi 150 -l eng
cat "$TMP_OUTPUT_DIR/$page.txt"
