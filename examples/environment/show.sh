#!/bin/sh
# Print the variables. A secret is never printed: logs are kept and read by many.
echo "LEVEL is $LEVEL"
echo "GREETING is $GREETING"
echo "TOKEN has ${#TOKEN} letters"
echo "HOME is writable: $(touch "$HOME/file" && echo yes)"
