#!/usr/bin/env bash
# Proves the containers: builds, starts from nothing, makes pictures, restarts with jobs in flight, comes back.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<'TEXT'
Usage: bash scripts/compose-smoke.sh [--suite | --help]

Builds the images and runs the stack under a project of its own (leffa-smoke, ports 3100 and 8100), which it removes in
the end with its volumes. Prints what it measures. Needs curl and docker compose.

  --suite   also run the API and browser suites against it (service leffa-tests)
  --help    this text

COMPOSE names another command than `docker compose`, DOCKER another than `docker`.
TEXT
}

compose() { ${COMPOSE:-docker compose} -p leffa-smoke "$@"; }
fail() { echo "FAILED: $*" >&2; compose logs 2>&1 | tail -n 40 >&2; exit 1; }
say() { printf '%-44s %s\n' "$1" "$2"; }
clock() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(clock)" 'BEGIN { printf "%.1f s", b - a }'; }
field() { sed -n "s/.*\"$1\": *\"\\{0,1\\}\\([^,\"}]*\\).*/\\1/p" | head -n 1; }

suite=""
case "${1:-}" in
  -h | --help) usage; exit ;;
  --suite) suite=yes ;;
  "") ;;
  *) usage >&2; exit 2 ;;
esac

export PAGE_PORT=3100 PORT=8100 LEFFA_PUBLISH=127.0.0.1 LEFFA_WEIGHTS=
work="$(mktemp -d)"
export LEFFA_ENV_FILE="$work/env"
printf 'LEFFA_RATE_LIMIT=\nLEFFA_QUEUE_PER_CLIENT=64\nLEFFA_STOP_SECONDS=2\n' >"$LEFFA_ENV_FILE"
page="http://127.0.0.1:$PAGE_PORT" api="http://127.0.0.1:$PORT" examples=docs/examples
trap 'compose down --volumes >/dev/null 2>&1 || true; rm -rf "$work"' EXIT

wait_until_ready() {
  for _ in $(seq 600); do
    curl -fs -o /dev/null "$page/api/health" && return
    sleep 0.2
  done
  fail "the service did not become ready in two minutes"
}

order() { # order SEED STEPS: a job; prints its id
  curl -fsS -H "X-Client-ID: compose-smoke-client" -F human_image=@$examples/person-1.png \
    -F garment_image=@$examples/garment-1.png -F seed="$1" -F inference_steps="$2" "$page/api/jobs" | field id
}

state() { curl -fsS "$page/api/jobs/$1" | field state; }

wait_for_job() {
  for _ in $(seq 900); do
    case "$(state "$1")" in
      succeeded) return ;;
      failed | cancelled) fail "job $1 ended as $(state "$1")" ;;
    esac
    sleep 0.2
  done
  fail "job $1 did not end in three minutes"
}

compose down --volumes >/dev/null 2>&1 || true
begun="$(clock)"
compose build model frontend >"$work/build.log" 2>&1 || { tail -n 30 "$work/build.log"; fail "the build"; }
say "build" "$(since "$begun")"
for image in leffa-model:${LEFFA_ACCELERATOR:-cpu} leffa-frontend; do
  say "size of $image" "$(${DOCKER:-docker} image inspect --format '{{.Size}}' "$image" | awk '{ printf "%.2f GB", $1 / 1e9 }')"
done

begun="$(clock)"
compose up -d model frontend >"$work/up.log" 2>&1 || { cat "$work/up.log"; fail "up"; }
wait_until_ready
say "from up to ready" "$(since "$begun")"
curl -fsS -D "$work/head" -o "$work/first.png" -F human_image=@$examples/person-1.png \
  -F garment_image=@$examples/garment-1.png -F seed=7 "$page/api/tryon" || fail "the first picture"
say "from up to the first picture" "$(since "$begun")"
grep -qi '^x-weights: embedded' "$work/head" || fail "the picture does not say that the demonstration model made it"
curl -fsS "$api/health" | grep -q '"demonstration":true' || fail "/health does not say so either"
curl -fsS "$page" | grep -q '<html' || fail "the page"
begun="$(clock)"
curl -fsS -o "$work/again.png" -F human_image=@$examples/person-1.png -F garment_image=@$examples/garment-1.png \
  -F seed=7 "$api/tryon"
say "a picture" "$(since "$begun")"
cmp -s "$work/first.png" "$work/again.png" || fail "the same seed gave other bytes"
compose logs model 2>&1 | grep -m 1 -o 'No GPU is seen here[^.]*' || true

jobs=()
for seed in 1 2 3 4 5 6; do jobs+=("$(order "$seed" 40)"); done
for _ in $(seq 100); do [[ "$(state "${jobs[0]}")" != queued ]] && break || sleep 0.1; done
begun="$(clock)"
compose restart model >"$work/restart.log" 2>&1 || { cat "$work/restart.log"; fail "restart"; }
wait_until_ready
say "restart with ${#jobs[@]} jobs in flight" "$(since "$begun")"
for job in "${jobs[@]}"; do wait_for_job "$job"; done
say "of them done after the restart" "${#jobs[@]}"
curl -fsS -o "$work/before.png" "$page/api/jobs/${jobs[5]}/image"

compose down >"$work/down.log" 2>&1 || fail "down"
compose up -d model frontend >"$work/up.log" 2>&1 || { cat "$work/up.log"; fail "the second up"; }
wait_until_ready
kept="$(curl -fsS -H 'X-Client-ID: compose-smoke-client' "$page/api/jobs?limit=50" | grep -o '"state":"succeeded"' | wc -l)"
[[ "$kept" -ge 6 ]] || fail "only $kept jobs are left after down and up"
curl -fsS -o "$work/after.png" "$page/api/jobs/${jobs[5]}/image"
cmp -s "$work/before.png" "$work/after.png" || fail "a kept picture changed"
say "jobs kept over down and up" "$kept"

if [[ -n "$suite" ]]; then
  mkdir -p tests/results
  chmod 777 tests/results # the tests' user is not this one
  compose --profile testing build leffa-tests >"$work/build.log" 2>&1 || { tail -n 30 "$work/build.log"; fail "the tests' build"; }
  begun="$(clock)"
  compose --profile testing run --rm --no-deps leffa-tests || fail "the suites"
  say "both suites" "$(since "$begun")"
fi
echo "All good."
