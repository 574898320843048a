#!/bin/sh
# Inside the container of the tests: both suites against the running stack; screenshots go to tests/results.
set -e
python3 -m pytest -q -p no:cacheprovider --import-mode=importlib tests/stack
python3 scripts/make_test_assets.py
cd tests
PAGE_ADDRESS="$LEFFA_STACK_PAGE" node node_modules/jest/bin/jest.js "$@"
