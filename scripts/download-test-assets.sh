#!/usr/bin/env bash
# Fills tests/test-assets with people, garments and files that must be refused. Nothing is downloaded: the
# pictures are this repository's own synthetic ones and one of NASA's (credits: docs/examples/README.md).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

if [[ $# -gt 0 ]]; then
  echo "Usage: bash scripts/download-test-assets.sh"
  exit 2
fi
[[ -n "${LEFFA_PYTHON:-}" ]] || install serve model/requirements.txt
"${LEFFA_PYTHON:-$VENV/bin/python}" scripts/make_test_assets.py
echo "tests/test-assets is filled"
