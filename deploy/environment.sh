# Make or renew the virtual environment in .venv; sourced by the scripts.
# Sets ROOT and PYTHON_ENV. PYTHON=/path/to/python chooses the interpreter.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
PYTHON_ENV="$ROOT/.venv/bin/python"

fail() {
    echo "error: $*" >&2
    exit 2
}

find_python() {
    local name
    for name in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    fail "needs Python 3.11 or newer; install it, or set PYTHON=/path/to/python"
}

# prepare_environment EXTRAS: install the project with extras, unless up to date.
prepare_environment() {
    local extras="$1" python stamp wanted
    [ "$(uname -s)" = Linux ] || fail "neurocluster runs on Linux; this is $(uname -s)"
    stamp="$ROOT/.venv/.installed${extras:+-$extras}"
    exec 9>"$ROOT/.venv.lock"
    flock -n 9 || {
        echo "Waiting for another installation in $ROOT/.venv" >&2
        flock 9
    }
    wanted="$(cat "$ROOT/pyproject.toml" "$ROOT/constraints.txt" | sha256sum) $ROOT"
    if [ ! -x "$PYTHON_ENV" ] || [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
        # An interrupted first run leaves an interpreter without pip: begin afresh.
        if ! "$PYTHON_ENV" -m pip --version >/dev/null 2>&1; then
            python="$(find_python)" || exit 2
            "$python" -c 'import ensurepip, venv' 2>/dev/null ||
                fail "$python lacks the venv module; on Debian: apt install python3-venv"
            echo "Making the environment in $ROOT/.venv" >&2
            "$python" -m venv --clear "$ROOT/.venv" ||
                fail "cannot make $ROOT/.venv; on Debian: apt install python3-venv"
        fi
        echo "Installing neurocluster${extras:+ with extras $extras} (once)" >&2
        "$PYTHON_ENV" -m pip install --quiet --disable-pip-version-check \
            -c "$ROOT/constraints.txt" -e "$ROOT${extras:+[$extras]}" >&2 ||
            fail "installing failed; the lines above say why"
        echo "$wanted" >"$stamp"
    fi
    flock -u 9
    exec 9>&-
}
