#!/bin/sh
# Becomes the engine, as the first process of namespaces of its own: the kernel ends and unmounts all of it with it.
# engine.sh FOLDER LINK ADDRESS GATEWAY: waits until LINK has been given to it.
set -eu
folder=$1 link=$2 address=$3 gateway=$4
until ip link show dev "$link" >/dev/null 2>&1; do sleep 0.05; done
ip link set lo up
ip address add "$address" dev "$link"
ip link set "$link" up
ip route add default via "$gateway"
echo 1 > /proc/sys/net/ipv4/ip_forward
exec tini -s -- dockerd --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/pid" \
    --host "unix://$folder/docker.sock" --config-file /dev/null --group root --cgroup-parent "$(basename "$folder")" \
    --bip 172.31.240.1/24 --default-address-pool base=172.31.244.0/22,size=24
