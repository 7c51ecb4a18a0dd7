#!/bin/sh
# Let a cow say where this script runs.
/usr/games/cowsay "I am $SCAR_FUNCTION in $SCAR_SITE"
