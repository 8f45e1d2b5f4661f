#!/usr/bin/env bash
# Run a network on this machine: the first run installs and compiles what it needs.
#
#     deploy/local.sh [options of 'neurocluster run']
#     deploy/local.sh --frames 1000
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
prepare_environment ""
exec "$PYTHON_ENV" -m neurocluster run "$@"
