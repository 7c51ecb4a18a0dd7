#!/bin/sh
# Runs the example in the local cloud, with the commands that a user would type.
# Usage: demo.sh FOLDER   (for the local cloud's state and the results)
set -eu

work=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")"
export SCAR_LOCAL_HOME="$work/cloud"
unset SCAR_LOCAL || true

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$(printf '\033[1m') plain=$(printf '\033[0m')
fi

title() { printf '\n%s$ %s%s\n' "$bold" "$1" "$plain"; }

show() {
    title "$*"
    "$@"
}

results() { scar --local ls -b quakes/clusters -j 2>/dev/null | grep -c '\.json"' || true; }

scar local reset --yes >/dev/null 2>&1
show scar --local init -f earthquakes.yaml
show scar --local ls
show scar --local put -b quakes/input -p data/all_week.geojson

printf '\nSplit in Batch, tabulate in Lambda, cluster in Lambda or Batch: waiting for 8 regions\n'
waited=0
while [ "$(results)" -lt 8 ]; do
    if [ $waited -ge 600 ]; then
        echo "Timed out waiting for the results. The log of quakes-cluster:" >&2
        scar --local log -n quakes-cluster >&2
        exit 1
    fi
    sleep 1
    waited=$((waited + 1))
done

show scar --local ls -b quakes/regions
show scar --local ls -b quakes/clusters
show scar --local log -n quakes-split

title 'scar --local log -n quakes-cluster | tail -n 7'
scar --local log -n quakes-cluster 2>/dev/null | tail -n 7
show scar --local run -n quakes-tabulate -s hello.py seismologist
show scar --local get -b quakes/clusters -p "$work/clusters"

printf '\nWhich service ran what (written by cluster.py itself):\n'
grep -H '"ran_in"' "$work"/clusters/*.json "$work"/clusters/*/*.json 2>/dev/null |
    sed 's|.*/\([^/]*\)\.json:.*: "\(.*\)"|  \1\t\2|' | expand -t 16
show scar --local rm -f earthquakes.yaml

# Quoted for a shell: the path may contain spaces.
quoted() { printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"; }

cat <<NEXT

Done. The functions were removed; the bucket and its files remain. What to try next:

  export PATH=$(quoted "$(dirname "$(command -v scar)")"):"\$PATH"
  export SCAR_LOCAL=1 SCAR_LOCAL_HOME=$(quoted "$work/cloud")
  cd $(quoted "$(pwd)")
  scar ls -b quakes                  list the results
  scar init -f earthquakes.yaml      create the functions again; change a script and repeat
  scar local status                  the local cloud's engine, and what it does not emulate
  scar local stop
NEXT
