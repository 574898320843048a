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
export PATH="$VENV/bin:$PATH"
ruff format --check .
ruff check .
(cd model && mypy leffa main.py && lint-imports)
pytest ${selection[@]+"${selection[@]}"} "$@"
