#!/usr/bin/env bash
# Install what the tests need, then run every check and test.
#
#     tools/test.sh [--slow] [options of pytest]
#
# Tests that need the machine for themselves (marked `alone`) run one by one, after all
# others on all cores; with options of pytest whatever they choose runs one by one.
set -uo pipefail
if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then
    sed -n '2,7s/^# \{0,1\}//p' "$0"
    echo "--slow adds the tests that take minutes; other options go to pytest."
    exit 0
fi
source "$(dirname "${BASH_SOURCE[0]}")/../deploy/environment.sh"
prepare_environment dev
cd "$ROOT" || exit 2
marks="not slow and not hosts"
arguments=()
for argument in "$@"; do
    if [ "$argument" = --slow ]; then marks="not hosts"; else arguments+=("$argument"); fi
done
bin="$ROOT/.venv/bin"

check() {
    echo "== $1"
    shift
    "$@" || {
        echo "FAILED: $*" >&2
        exit 1
    }
}

check "ruff: rules" "$bin/ruff" check .
check "ruff: format" "$bin/ruff" format --check .
check "mypy" "$bin/mypy"
check "imports" "$bin/lint-imports"
check "kernels" "$PYTHON_ENV" -m neurocluster warm
if [ ${#arguments[@]} -gt 0 ]; then
    check "pytest" "$PYTHON_ENV" -m pytest -m "$marks" "${arguments[@]}"
    exit
fi
check "pytest: on all cores" "$PYTHON_ENV" -m pytest -m "$marks and not alone" \
    -n auto --dist worksteal tests
check "pytest: one by one" "$PYTHON_ENV" -m pytest -m "$marks and alone" \
    tests/integration
