#!/bin/sh
# Have this host's kernel delay, lose or limit what it sends, in place of the sender's own
# delay lines (--delay-us and its like); needs root, and tc of iproute2.
#
#     deploy/netem.sh check                    can this kernel? says why not
#     deploy/netem.sh set DEVICE OPTIONS...    DEVICE is what leads to the other hosts
#         --delay-us N --jitter-us N           jitter normal, around the delay
#         --loss P --rate-mbit N               P from 0 to 1
#     deploy/netem.sh clear DEVICE
#
# On other hosts:  ssh root@n1 sh -s -- set eth0 --delay-us 1000 <deploy/netem.sh
# All that leaves by DEVICE is meant, ssh too. A rate alone needs no netem: tbf does it.
set -eu

fail() {
    echo "netem: $*" >&2
    exit 2
}

usage() {
    sed -n '2,13s/^# \{0,1\}//p' "$0"
}

missing() {
    fail "this kernel ($(uname -r)) has no sch_netem, as a module or built in; Debian's" \
        "linux-image-amd64 has it, Ubuntu's linux-modules-extra, Fedora's" \
        "kernel-modules-extra; or use --delay-us, --jitter-us, --loss and --rate-mbit of" \
        "'neurocluster run'"
}

check() {
    command -v tc >/dev/null || fail "needs tc; install iproute2"
    [ "$(id -u)" = 0 ] || fail "needs root"
    ! command -v modprobe >/dev/null || modprobe -q sch_netem || true
    # In a network of its own, so that nobody meets the delay.
    unshare --net true 2>/dev/null ||
        fail "cannot make a network of its own to try in (unshare --net); containers need" \
            "the capability CAP_SYS_ADMIN for it"
    unshare --net tc qdisc add dev lo root netem delay 1ms 2>/dev/null || missing
    echo "netem: this kernel has sch_netem"
}

number() {
    case $2 in
        "" | *[!0-9.]* | *.*.*) fail "$1 $2: give a number" ;;
    esac
}

percent() {
    awk -v p="$1" 'BEGIN { if (p > 1) exit 1; printf "%.6g", 100 * p }' ||
        fail "--loss $1: give a probability from 0 to 1"
}

set_device() {
    device=$1
    shift
    delay='' jitter='' loss='' rate=''
    while [ $# -gt 0 ]; do
        [ $# -gt 1 ] || fail "$1: a value is missing"
        number "$1" "$2"
        case $1 in
            --delay-us) delay=$2 ;;
            --jitter-us) jitter=$2 ;;
            --loss) loss=$(percent "$2") || exit 2 ;;
            --rate-mbit) rate=$2 ;;
            *) fail "unknown option $1" ;;
        esac
        shift 2
    done
    [ -n "$delay$jitter$loss$rate" ] || fail "say what: --delay-us, --loss, --rate-mbit"
    if [ -n "$rate" ] && [ -z "$delay$jitter$loss" ]; then
        tc qdisc replace dev "$device" root tbf rate "${rate}mbit" burst 16kb limit 16mb
        return
    fi
    check >/dev/null
    set -- limit 100000
    if [ -n "$delay$jitter" ]; then
        set -- "$@" delay "${delay:-0}us"
        [ -z "$jitter" ] || set -- "$@" "${jitter}us" distribution normal
    fi
    [ -z "$loss" ] || set -- "$@" loss "$loss%"
    [ -z "$rate" ] || set -- "$@" rate "${rate}mbit"
    tc qdisc replace dev "$device" root netem "$@"
}

clear_device() {
    [ "$(id -u)" = 0 ] || fail "needs root"
    said=$(tc qdisc show dev "$1" 2>&1) || fail "$1: $said"
    case $said in
        *netem* | *tbf*) tc qdisc del dev "$1" root ;;
        *) echo "netem: $1 has no delay, loss or rate" ;;
    esac
}

case ${1:-} in
    check) check ;;
    set)
        [ $# -gt 1 ] || fail "set: name a device; 'ip route get ADDRESS' tells it"
        shift
        set_device "$@"
        ;;
    clear)
        [ $# = 2 ] || fail "clear: name a device"
        clear_device "$2"
        ;;
    -h | --help | "") usage ;;
    *) fail "unknown command $1; there are check, set and clear" ;;
esac
