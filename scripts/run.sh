#!/usr/bin/env bash
# Sets up .venv from the exact lock, starts the service and says where it is.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

usage() {
  cat <<'TEXT'
Usage: bash scripts/run.sh [--setup-only | --help]

Makes .venv and builds the page if need be, starts the service and prints its addresses and a try-on to paste.
The page comes from nginx on port 3000 (PAGE_PORT) where nginx is installed, else from the service itself.
Ctrl-C stops it. Settings come from the environment or from .env; .env.example lists them. PAGE_PORT comes from the
environment alone.

  --setup-only  make or renew .venv, start nothing
  --help        this text
TEXT
}

# Fails when something listens on the port already.
check_port() {
  "$VENV/bin/python" - "$1" "$2" 2>/dev/null <<'PY' || fail "Port $2 is taken; choose another: $3 bash scripts/run.sh"
import socket, sys
with socket.socket() as probe:
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind((sys.argv[1], int(sys.argv[2])))
PY
}

# Succeeds once the service can serve, fails when it cannot load its model.
wait_until_healthy() {
  "$VENV/bin/python" - "$1" "$service" <<'PY'
import json, os, sys, time, urllib.error, urllib.request
url, service = sys.argv[1], int(sys.argv[2])
while True:
    time.sleep(0.2)
    os.kill(service, 0)
    try:
        urllib.request.urlopen(url + "/health", timeout=5)
        break
    except urllib.error.HTTPError as error:
        health = json.load(error)
        if health["status"] == "failed":
            sys.exit("The model could not be loaded: " + health["reason"])
    except OSError:
        pass
PY
}

# Builds the page where Node is installed and its sources are newer than what was built.
build_page() {
  if ! command -v npm >/dev/null; then
    echo "Node.js is not installed: the API is served without its page."
    return
  fi
  [[ -z "$(find frontend -newer frontend/dist/index.html -type f -not -path '*/node_modules/*' \
    -not -path '*/dist/*' -print -quit 2>&1)" ]] && return
  echo "Building the page (the first time takes a minute)"
  (cd frontend && npm ci --silent && npm run --silent build)
}

has_page() { [[ -f frontend/dist/index.html ]] && command -v nginx >/dev/null; }

# Starts nginx before the service, on the same address; says where the page is.
start_page() {
  page="$address"
  [[ -f frontend/dist/index.html ]] || page="none (see above)"
  has_page || return 0
  bash scripts/serve_page.sh "$host:$page_port" "${address#http://}" .leffa/nginx &
  nginx=$!
  page="${address%:*}:$page_port"
}

stop() {
  trap - INT TERM EXIT
  kill -TERM ${nginx:-} "$service" 2>/dev/null || true
  wait ${nginx:-} "$service" 2>/dev/null || true
}

announce() {
  local examples="$ROOT/docs/examples"
  cat <<TEXT

Leffa Virtual Try-On is ready.
  page     $2
  service  $1
  docs     $1/docs
  health   $1/health

Try it, in another terminal:
  curl -f -o tryon.png -F human_image=@"$examples/person-1.png" -F garment_image=@"$examples/garment-1.png" $1/tryon

Ctrl-C stops the service.
TEXT
}

case "${1:-}" in
  -h | --help) usage; exit ;;
  "" | --setup-only) ;;
  *) usage >&2; exit 2 ;;
esac

if [[ ! -f "$VENV/.installed-test" ]]; then
  install serve model/requirements.txt
else
  install test model/requirements-dev.txt # holds all that serving needs
fi
build_page
[[ "${1:-}" == --setup-only ]] && exit

read -r host port < <("$VENV/bin/python" -c 'from leffa.settings import Settings; s = Settings(); print(s.host, s.port)' \
  2>/dev/null) || { "$VENV/bin/leffa" serve; exit; } # which says what is wrong with the settings
check_port "$host" "$port" "PORT=8001"
page_port="${PAGE_PORT:-3000}"
has_page && check_port "$host" "$page_port" "PAGE_PORT=3001"
[[ "$host" == 0.0.0.0 ]] && address="http://127.0.0.1:$port" || address="http://$host:$port"
"$VENV/bin/leffa" serve &
service=$!
trap 'stop; exit 130' INT TERM
trap stop EXIT
wait_until_healthy "$address" || { stop; fail "The service did not start."; }
start_page
announce "$address" "$page"
wait "$service"
