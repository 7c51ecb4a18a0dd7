#!/bin/sh
# Runs an MPI program on all nodes, without ssh. With the launcher "manual", mpiexec prints a command
# for each node and waits for these. The main node offers them by HTTP, and each node runs its own.
set -eu
port=7777
main=$(head -n 1 "$SCAR_HOSTFILE")
nodes=$(wc -l <"$SCAR_HOSTFILE")

if [ "$INSTANCE_IP" != "$main" ]; then
    # Nodes are numbered as in the host file, from 0.
    number=$(grep -nxF "$INSTANCE_IP" "$SCAR_HOSTFILE" | cut -d: -f1)
    until busybox wget -q -O command "http://$main:$port/$((number - 1))"; do sleep 1; done
    exec sh ./command
fi

steps=$(cat "$INPUT_FILE_PATH")
mkdir commands
{
    # Each node has a folder of its own: the processes start in one that all nodes have.
    mpiexec.hydra -launcher manual -localhost "$main" -f "$SCAR_HOSTFILE" -ppn 1 -n "$nodes" \
        -wdir /tmp pi "$steps" && status=0 || status=$?
    echo "$status" >status
} | {
    number=0
    while IFS= read -r line; do
        case $line in
        "HYDRA_LAUNCH: "*)
            echo "exec ${line#HYDRA_LAUNCH: }" >commands/$number
            number=$((number + 1))
            ;;
        HYDRA_LAUNCH_END)
            busybox httpd -p "$port" -h commands
            sh commands/0 &
            ;;
        *) echo "$line" | tee -a "$TMP_OUTPUT_DIR/pi.txt" ;;
        esac
    done
}
exit "$(cat status)"
