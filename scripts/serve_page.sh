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
mkdir -p "$3"
work="$(cd "$3" && pwd)"

sed -e "s|\${PAGE_LISTEN}|$listen|" -e "s|\${API_ADDRESS}|$api|" -e "s|\${PAGE_ROOT}|$root/frontend/dist|" \
  "$root/frontend/nginx.conf.template" | grep -v '^# ' >"$work/page.conf"

# Started by root, nginx would change to a user who may not read these folders.
as_root=""
[[ "$(id -u)" -ne 0 ]] || as_root="user root;"

cat >"$work/nginx.conf" <<CONF
$as_root
daemon off;
worker_processes auto;
pid $work/nginx.pid;
error_log stderr error;
events {}
http {
  include /etc/nginx/mime.types;
  types { application/manifest+json webmanifest; }
  access_log off;
  sendfile on;
  client_body_temp_path $work/body;
  proxy_temp_path $work/proxy;
  fastcgi_temp_path $work/fastcgi;
  uwsgi_temp_path $work/uwsgi;
  scgi_temp_path $work/scgi;
  include $work/page.conf;
}
CONF
exec nginx -p "$work" -e stderr -c "$work/nginx.conf"
