#!/usr/bin/env bash
# The gateway on this machine. `./local.sh help` says how.
set -euo pipefail
cd "$(dirname "$0")"

help() {
    cat <<'TEXT'
./local.sh                sets everything up and serves the gateway; PORT=9000 ./local.sh on another port
./local.sh test [ARGS]    runs the tests; ARGS go to pytest
./local.sh bench [ARGS]   measures the gateway
./local.sh help           this text
TEXT
}

fail() {
    echo "local.sh: $*" >&2
    exit 1
}

# install FILE: the virtual environment with what FILE pins, made or mended only if it is not so already.
install() {
    local stamp
    .venv/bin/python -c "import pip" 2>/dev/null || make_virtualenv
    stamp=$(sha256sum "$1")
    [ "$(cat ".venv/installed.$1" 2>/dev/null)" = "$stamp" ] && return
    echo "Installing $1 …"
    .venv/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r "$1"
    echo "$stamp" >".venv/installed.$1"
}

make_virtualenv() {
    local python=${PYTHON:-python3}
    "$python" -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null ||
        fail "Python 3.11 or newer is needed. If it goes by another name: PYTHON=python3.11 ./local.sh"
    "$python" -c "import ensurepip, venv" 2>/dev/null ||
        fail "Python's venv module is missing. On Debian: apt-get install python3-venv"
    echo "Making the virtual environment .venv …"
    "$python" -m venv --clear .venv
}

manage() {
    .venv/bin/python manage.py "$@"
}

# The secrets of .env open what is in the database, so it is written once and whole, or not at all.
write_env() {
    [ -e "${ENV_FILE:-.env}" ] && return
    (umask 077 && manage gen_env >.env.new)
    mv .env.new "${ENV_FILE:-.env}"
    echo "Wrote ${ENV_FILE:-.env} with fresh secrets."
}

# setting EXPRESSION: of the settings as the gateway reads them, from the environment and .env.
setting() {
    .venv/bin/python -c "from gateway_project.settings import *; print($1)"
}

# free PORT NAME: ends with one sentence if the port cannot be listened on.
free() {
    local reason
    [[ $1 =~ ^[0-9]{1,5}$ ]] || fail "$2 must be a number, not '$1'."
    reason=$(.venv/bin/python - "$1" <<'PYTHON'
import socket, sys
with socket.socket() as probe:
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind(("", int(sys.argv[1])))
        probe.listen()
    except (OSError, OverflowError) as error:
        print(getattr(error, "strerror", None) or error)
PYTHON
    )
    [ -z "$reason" ] || fail "Port $1 cannot be used ($reason). Choose another, such as $2=$(($1 + 10)) ./local.sh"
}

running=()

# start COMMAND…: beside us, ended by us. In a process group of its own, so that Ctrl-C reaches it through us alone.
start() {
    set -m
    "$@" &
    running+=($!)
    set +m
}

# Turns that are running may end; a second Ctrl-C does not wait for them.
stop() {
    trap - EXIT
    trap 'kill -KILL "${running[@]/#/-}" 2>/dev/null' INT TERM HUP
    [ ${#running[@]} = 0 ] || kill "${running[@]}" 2>/dev/null || true
    wait
}

wait_until_it_answers() {
    local url="http://127.0.0.1:$1/healthz" process
    for _ in $(seq 150); do
        .venv/bin/python -c "import urllib.request as r; r.urlopen('$url', timeout=5)" 2>/dev/null && return
        for process in "${running[@]}"; do
            kill -0 "$process" 2>/dev/null || exit 1  # it has said why
        done
        sleep 0.2
    done
    fail "The gateway does not answer at $url."
}

run() {
    local port rooms_port standin_port=${STANDIN_PORT:-8090} standin=() how
    install requirements.txt
    write_env
    manage check >/dev/null
    port=$(setting PORT)
    rooms_port=$(setting ROOMS_PORT)
    free "$port" PORT
    free "$rooms_port" ROOMS_PORT
    if [ "$(setting "bool(DIFY_BASE_URL and DIFY_API_KEY)")" = False ]; then
        free "$standin_port" STANDIN_PORT
        [ "$standin_port" != "$rooms_port" ] || fail "The stand-in and the rooms cannot share port $rooms_port. Choose another for one, such as STANDIN_PORT=$((rooms_port + 1)) ./local.sh"
        standin=(--standin "http://127.0.0.1:$standin_port")
    fi
    manage migrate --verbosity 0
    manage collectstatic --no-input --verbosity 0
    how=$(manage setup_demo "${standin[@]}")

    trap stop EXIT
    trap 'stop; exit 130' INT
    trap 'stop; exit 143' TERM HUP
    [ ${#standin[@]} = 0 ] || start .venv/bin/python manage.py dify_standin --port "$standin_port" >/dev/null
    start .venv/bin/gunicorn gateway_project.wsgi
    start .venv/bin/python manage.py serve_rooms --host "$(setting "env.text('HOST', '0.0.0.0')")"
    wait_until_it_answers "$port"
    wait_until_it_answers "$rooms_port"
    printf '%s\n\n  Ctrl-C stops it.\n' "$how"
    wait -n "${running[@]}"
}

case ${1:-run} in
run) run ;;
test)
    install requirements-dev.txt
    exec .venv/bin/python -m pytest "${@:2}"
    ;;
bench)
    install requirements-dev.txt
    exec .venv/bin/python -m bench "${@:2}"
    ;;
help | -h | --help) help ;;
*)
    help >&2
    exit 2
    ;;
esac
