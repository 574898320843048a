#!/usr/bin/env bash
# Runs everything that is checked: format, lint, types, import rules, tests.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

if [[ "${1:-}" == --help || "${1:-}" == -h ]]; then
  cat <<'TEXT'
Usage: bash scripts/test.sh [--fast] [arguments for pytest]

Makes .venv from the exact locks if need be, then checks format, lint, types and imports and runs the tests.

  --fast   leave out the slow tests
  --help   this text
TEXT
  exit
fi

selection=()
if [[ "${1:-}" == --fast ]]; then
  shift
  selection=(-m "not slow")
fi

install test model/requirements-dev.txt
compgen -G "/usr/lib/postgresql/*/bin/postgres" >/dev/null ||
  echo "PostgreSQL is not installed: the tests that need it are left out (apt-get install postgresql)."
export PATH="$VENV/bin:$PATH"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"; kill $(jobs -p) 2>/dev/null || true' EXIT
ruff format --check .
ruff check .
(cd model && mypy leffa main.py && lint-imports)
if (($#)); then
  pytest ${selection[@]+"${selection[@]}"} "$@"
else
  # The fault suite mostly waits: for deadlines, and for processes to start again. So it runs beside the others.
  pytest ${selection[@]+"${selection[@]}"} tests/faults >"$scratch/faults" 2>&1 &
  faults=$!
  pytest ${selection[@]+"${selection[@]}"} --ignore=tests/faults
  echo "The fault suite:"
  wait "$faults" || { cat "$scratch/faults"; exit 1; }
  tail -n 1 "$scratch/faults"
fi

# The page: its own checks and tests, then the browser suite, where Node, Chromium and nginx are installed.
if ! command -v npm >/dev/null; then
  echo "Node.js is not installed: the page is not checked."
  exit
fi
document="$scratch/openapi.json"
python - >"$document" <<'PY'
import json
from leffa.service.app import create_app
from leffa.settings import Settings
print(json.dumps(create_app(Settings(_env_file=None, retention_hours=0)).openapi()))
PY
(cd frontend && npm ci --silent && npm run check && npm run --silent types -- "$document" --check && npm test && npm run build)
if [[ -x "${CHROMIUM:-/usr/bin/chromium}" ]] && command -v nginx >/dev/null; then
  (cd tests && npm ci --silent && npm run check && npm test)
else
  echo "Chromium or nginx is not installed: the browser suite is left out."
fi
