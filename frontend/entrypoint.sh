#!/bin/sh
# Tells nginx who knows the address of the service, then goes on as the nginx image does.
set -e
: "${API_RESOLVER:=$(awk '$1 == "nameserver" { print ($2 ~ /:/) ? "[" $2 "]" : $2; exit }' /etc/resolv.conf)}"
export API_RESOLVER
exec /docker-entrypoint.sh "$@"
