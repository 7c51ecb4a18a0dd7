#!/bin/sh
# Another script for the same image, with arguments.
echo "$# arguments, the last one is $2"
/usr/games/cowsay -f tux "$*"
