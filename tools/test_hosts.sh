#!/usr/bin/env bash
# Run the tests that need several hosts; makes them of network namespaces.
#
#     tools/test_hosts.sh [--all]                  all tests, and faults of hosts
#     tools/test_hosts.sh [options of pytest]      tests only
#
# Each fault happens once, at moments and in pairs that are drawn, and each engine starts
# and stops ten times; with --all each fault at each of its moments, and a hundred times,
# and tests that take long are made, too.
# It needs root on Debian, and installs what is missing: iproute2, nftables, sshd, Slurm,
# and a Python of the distribution with neurocluster in /opt/neurocluster-hosts. What
# cannot be had is a failure, never a skip.
set -euo pipefail
if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then
    sed -n '2,12s/^# \{0,1\}//p' "$0"
    exit 0
fi
faults=(--hosts) marks="hosts and not slow"
if [ "${1:-}" = --all ]; then
    faults+=(--all) marks=hosts
    export NEUROCLUSTER_CYCLES=100
    shift
fi
source "$(dirname "${BASH_SOURCE[0]}")/../deploy/environment.sh"
[ "$(id -u)" = 0 ] || fail "needs root, to make network namespaces"
missing=()
command -v ip >/dev/null || missing+=(iproute2)
command -v nft >/dev/null || missing+=(nftables)
[ -x /usr/sbin/sshd ] || missing+=(openssh-server)
command -v ssh-keygen >/dev/null || missing+=(openssh-client)
command -v slurmctld >/dev/null && command -v sbatch >/dev/null || missing+=(slurm-wlm)
command -v munged >/dev/null || missing+=(munge)
/usr/bin/python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
if [ ${#missing[@]} -gt 0 ]; then
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
        "${missing[@]}"
fi
prepare_environment dev
HOSTS_ENV=/opt/neurocluster-hosts
/usr/bin/python3 -m venv --clear "$HOSTS_ENV"
"$HOSTS_ENV/bin/pip" install --quiet --disable-pip-version-check \
    -c "$ROOT/constraints.txt" "$ROOT[ssh]"
cd "$ROOT"
export NEUROCLUSTER_HOSTS_PYTHON="$HOSTS_ENV/bin/python"
"$PYTHON_ENV" -m pytest -m "$marks" tests/hosts "$@"
[ $# -gt 0 ] || "$PYTHON_ENV" -m tools.faults "${faults[@]}"
