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

# The jobs' tests run on a Postgres server too, which they start themselves from its programs.
find_postgres() {
  compgen -G "/usr/lib/postgresql/*/bin/postgres" >/dev/null && return
  if [[ $EUID == 0 ]] && command -v apt-get >/dev/null; then
    echo "Installing postgresql"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -yqq postgresql; } >/dev/null && return
  fi
  echo "No Postgres here, so the tests that need it are left out: apt-get install postgresql" >&2
}

install test model/requirements-dev.txt
find_postgres
export PATH="$VENV/bin:$PATH"
ruff format --check .
ruff check .
(cd model && mypy leffa main.py && lint-imports)
pytest ${selection[@]+"${selection[@]}"} "$@"
