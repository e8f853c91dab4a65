# Functions for scripts that drive a devnet of the real binary; to be sourced.
# A script that sources it must call stop_all when it ends: trap stop_all EXIT.
#
#   scratch             a temporary folder, removed by stop_all
#   background NAME CMD starts CMD, which stop_all ends; its output goes to $scratch/NAME.log
#   start_devnet ARGS   starts $vision devnet ARGS --data $scratch/data, sets api, key and devnet
#   stop_devnet         interrupts it as Ctrl-C does, and fails unless it ends in order
#   await_key KEY       waits until the gateway knows a key that was just made
#   patient_tasks       gives the devnet's tasks, before it starts, time enough on the slowest machine
#   free_port           prints a port that nobody listens at, and that systems give to nobody
#
# They wait for what must come, and call it lost after $patience seconds only:
# how fast the machine is is not what is tested.

scratch=$(mktemp -d)
started=()
patience=300
sources=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

background() {
  local name=$1
  shift
  : >"$scratch/$name.log" # there from the start, for who waits for what it says
  "$@" >"$scratch/$name.log" 2>&1 </dev/null &
  started+=($!)
}

# alive PID: false for a process that has ended but was not waited for, too.
alive() {
  local state
  state=$(ps -o stat= -p "$1" 2>/dev/null) && [[ $state != Z* ]]
}

stop_all() {
  local code=$? pid
  for pid in "${started[@]}"; do kill -TERM "$pid" 2>/dev/null; done
  for pid in "${started[@]}"; do
    for _ in $(seq 60); do alive "$pid" || break; sleep 0.1; done
    kill -KILL "$pid" 2>/dev/null
  done
  wait 2>/dev/null
  if [ "$code" -ne 0 ]; then
    local log
    for log in "$scratch"/*.log "$scratch"/data/devnet.log; do
      [ -s "$log" ] && { echo "--- the end of ${log#"$scratch"/}" >&2; tail -n 25 "$log" | cut -c1-400 >&2; }
    done
  fi
  rm -rf "$scratch"
  exit "$code"
}

start_devnet() {
  background devnet "$vision" devnet --data "$scratch/data" "$@"
  devnet=${started[-1]}
  local until=$((SECONDS + patience))
  while [ $SECONDS -lt $until ]; do
    api=$(grep -oE -m1 'http://127\.0\.0\.1:[0-9]+/v1' "$scratch/devnet.log" | head -n1)
    key=$(grep -oE -m1 '\bsk-[A-Za-z0-9_-]{12,}' "$scratch/devnet.log" | head -n1)
    [ -n "$api" ] && [ -n "$key" ] && return
    alive "$devnet" || fail "the devnet ended before it was up"
    sleep 0.25
  done
  fail "the devnet printed no base URL and key within $patience s"
}

# Its exit code would not be 0 if its parts did not end within the time that it
# gives them, which is less than 5 s.
stop_devnet() {
  local until=$((SECONDS + patience))
  kill -INT "$devnet"
  while [ $SECONDS -lt $until ]; do
    if ! alive "$devnet"; then
      wait "$devnet" || fail "the devnet ended with code $? on Ctrl-C"
      grep -qF "$scratch/data" "$scratch/devnet.log" || fail "the devnet did not say where its data is"
      return 0
    fi
    sleep 0.1
  done
  fail "the devnet still runs $patience s after Ctrl-C"
}

await_key() {
  local until=$((SECONDS + patience)) code
  while [ $SECONDS -lt $until ]; do
    code=$(curl -s -o "$scratch/answer" -w '%{http_code}' -m 60 -H "Authorization: Bearer $1" "$api/models")
    [ "$code" = 200 ] && return
    alive "$devnet" || fail "the devnet ended"
    sleep 0.1
  done
  fail "a new key does not work after $patience s: status $code"
}

patient_tasks() {
  mkdir -p "$scratch/data" && chmod 700 "$scratch/data" &&
    sed -E 's/timeouts: \{[^}]*\}/timeouts: {first: 120s, gap: 120s, total: 180s}/' "$sources/internal/config/catalogue/devnet.yaml" >"$scratch/data/catalogue.yaml" ||
    fail "write the devnet's tasks"
}

free_port() {
  python3 -c '
import random, socket
while True:
    port = random.randrange(10000, 20000)
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        continue
    print(port)
    break'
}
