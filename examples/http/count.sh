#!/bin/sh
# Count what is in the body of a request: /?unit=lines, words or bytes. What is printed is the
# response. Parameters come from strangers: compare them, never evaluate them.
case ${CONT_VAR_unit:-words} in
lines) wc -l <"$INPUT_FILE_PATH" ;;
words) wc -w <"$INPUT_FILE_PATH" ;;
bytes) wc -c <"$INPUT_FILE_PATH" ;;
*)
    echo "unit must be lines, words or bytes" >&2
    exit 2
    ;;
esac
