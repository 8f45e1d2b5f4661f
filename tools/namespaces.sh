#!/usr/bin/env bash
# Make hosts of network namespaces on this machine, for tests; needs root.
#
#     tools/namespaces.sh up COUNT     hosts n1, n2, ... at 10.77.0.1, ...; we are .254
#     tools/namespaces.sh down         remove them, and what runs in them
#     tools/namespaces.sh in HOST COMMAND...
set -euo pipefail
BRIDGE=ncbr0 NET=10.77.0

up() {
    ip link add "$BRIDGE" type bridge
    ip addr add "$NET.254/24" dev "$BRIDGE"
    ip link set "$BRIDGE" up
    local i k
    for ((i = 1; i <= $1; i++)); do
        ip netns add "n$i"
        ip link add "ncv$i" type veth peer name eth0 netns "n$i"
        ip link set "ncv$i" master "$BRIDGE" up
        ip -n "n$i" addr add "$NET.$i/24" dev eth0
        ip -n "n$i" link set eth0 up
        ip -n "n$i" link set lo up
        ip -n "n$i" route add default via "$NET.254"
        mkdir -p "/etc/netns/n$i"
        {
            echo "127.0.0.1 localhost"
            echo "$NET.254 ctl"
            for ((k = 1; k <= $1; k++)); do echo "$NET.$k n$k"; done
        } >"/etc/netns/n$i/hosts"
    done
}

down() {
    local host pid port
    for port in $(ip -o link | grep -oE ' ncv[0-9]+' || true); do
        ip link del "$port" # else it stays until the last process of its host is gone
    done
    for host in $(ip netns list | cut -d' ' -f1 | grep -E '^n[0-9]+$' || true); do
        for pid in $(ip netns pids "$host"); do kill -9 "$pid" 2>/dev/null || true; done
        ip netns del "$host"
        rm -rf "/etc/netns/$host"
    done
    ip link del "$BRIDGE" 2>/dev/null || true
}

inside() {
    local host="$1"
    shift
    # /sys stays: `ip netns exec` would hide the cgroups that slurmd needs.
    exec nsenter --net="/run/netns/$host" unshare --uts --mount bash -c \
        'mount --bind "/etc/netns/$0/hosts" /etc/hosts; hostname "$0"; exec "$@"' \
        "$host" "$@"
}

case "${1:-}" in
    up) up "$2" ;;
    down) down ;;
    in) inside "${@:2}" ;;
    *) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
