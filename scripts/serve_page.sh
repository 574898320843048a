#!/usr/bin/env bash
# Serves the built page and, under /api, the service: nginx in the foreground, as an ordinary user.
set -euo pipefail

if [[ $# -ne 3 || "$1" == -* ]]; then
  cat <<'TEXT'
Usage: bash scripts/serve_page.sh LISTEN API_ADDRESS WORK_FOLDER

Renders frontend/nginx.conf.template into WORK_FOLDER and runs nginx on it; Ctrl-C or SIGTERM stops it.
frontend/dist must have been built. LISTEN is a port or address:port, API_ADDRESS host:port of the service.
TEXT
  exit 2
fi

listen="$1" api="$2"
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
mkdir -p "$3/conf.d"
work="$(cd "$3" && pwd)"

cp "$root/frontend/nginx.conf" "$work/nginx.conf"
sed -e "s|\${PAGE_LISTEN}|$listen|" -e "s|\${API_ADDRESS}|$api|" -e "s|\${API_RESOLVER}|127.0.0.1|" \
  -e "s|\${PAGE_ROOT}|$root/frontend/dist|" -e "s|\${TRUSTED_PROXY}|127.0.0.1|" \
  "$root/frontend/nginx.conf.template" | grep -v '^# ' >"$work/conf.d/page.conf"

# Started by root, nginx would change to a user who may not read these folders.
as_root=""
[[ "$(id -u)" -ne 0 ]] || as_root="user root;"
exec nginx -p "$work" -e stderr -c "$work/nginx.conf" -g "$as_root"
