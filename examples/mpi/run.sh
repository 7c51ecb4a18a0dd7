#!/bin/sh
# Runs an MPI program on all nodes, without ssh. mpirun starts a daemon on each other node by a "remote
# shell agent". Here the agent only writes the daemon's command to a folder that the main node serves by
# HTTP, and each node fetches and executes its own.
set -eu
port=7777
main=$(head -n 1 "$SCAR_HOSTFILE")
nodes=$(wc -l <"$SCAR_HOSTFILE")

# On all nodes, because the daemons check that it exists.
mkdir /tmp/commands
cat >/tmp/agent <<'AGENT'
#!/bin/sh
host=$1
shift
echo "exec $*" >"/tmp/$host"
mv "/tmp/$host" "/tmp/commands/$host" # complete when it appears
AGENT
chmod +x /tmp/agent

if [ "$INSTANCE_IP" != "$main" ]; then
    until busybox wget -q -O command "http://$main:$port/$INSTANCE_IP" 2>/dev/null; do sleep 1; done
    exec sh ./command
fi

busybox httpd -p "$port" -h /tmp/commands
steps=$(cat "$INPUT_FILE_PATH")
# --leave-session-attached: the daemons stay in the foreground, so that each node ends with its own.
# -wdir: each node has a folder of its own; the processes start in one that all nodes have.
# The instances' bridge docker0 has the same address on each: MPI must not connect to it.
mpirun.openmpi --hostfile "$SCAR_HOSTFILE" -np "$nodes" --map-by ppr:1:node --leave-session-attached -wdir /tmp \
    --mca plm_rsh_agent /tmp/agent --mca plm_rsh_no_tree_spawn 1 \
    --mca pml ob1 --mca btl tcp,self \
    --mca btl_tcp_if_exclude lo,docker0 --mca oob_tcp_if_exclude lo,docker0 \
    pi "$steps" >"$TMP_OUTPUT_DIR/pi-$steps.txt"
cat "$TMP_OUTPUT_DIR/pi-$steps.txt"
