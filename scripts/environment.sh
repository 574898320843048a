# Sourced by run.sh and test.sh: finds Python and keeps .venv equal to an exact lock.
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VENV="$ROOT/.venv"
cd "$ROOT"
# As the program sets it; here for the tests and scripts that import torch by themselves.
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}"

fail() {
  echo "$*" >&2
  exit 1
}

# Prints the first Python that is new enough.
find_python() {
  local candidate
  for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

# What an environment depends on: the locks, the package's description, and where it lies.
fingerprint() {
  "$VENV/bin/python" - "$@" <<'PY'
import hashlib, pathlib, sys
state = sys.version + sys.prefix + "".join(pathlib.Path(path).read_text() for path in sys.argv[1:])
print(hashlib.sha256(state.encode()).hexdigest())
PY
}

# install NAME LOCK: make .venv hold what LOCK says; quick when it does already.
install() {
  local name="$1" lock="$2" python stamp="$VENV/.installed-$1" wanted
  if ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
    python="$(find_python)" || fail "Python 3.11 or newer is needed; set PYTHON to it if it has another name."
    echo "Making $VENV"
    "$python" -m venv --clear "$VENV" || fail "The environment could not be made; is Python's venv module installed?"
  fi
  wanted="$(fingerprint model/requirements.txt "$lock" model/pyproject.toml)"
  [[ -f "$stamp" && "$(<"$stamp")" == "$wanted" ]] && return
  echo "Installing $lock into $VENV (once; takes a few minutes)"
  "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check -r "$lock"
  "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e model
  echo "$wanted" >"$stamp"
}
