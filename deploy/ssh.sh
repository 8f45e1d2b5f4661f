#!/usr/bin/env bash
# Run a network with workers on other hosts, reached by ssh; see deploy/README.md.
#
#     deploy/ssh.sh doctor HOSTFILE [options of 'neurocluster doctor']
#     deploy/ssh.sh HOSTFILE [options of 'neurocluster run']
#     deploy/ssh.sh hosts.toml --frames 1000
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
command=run
if [ "${1:-}" = doctor ]; then
    command=doctor
    shift
fi
[ $# -ge 1 ] || fail "name a hosts file; deploy/hosts.example.toml is one"
prepare_environment "ssh"
hosts="$1"
shift
exec "$PYTHON_ENV" -m neurocluster "$command" --hosts "$hosts" "$@"
