# Functions for scripts that drive a devnet of the real binary; to be sourced.
# A script that sources it must call stop_all when it ends: trap stop_all EXIT.
#
#   scratch             a temporary folder, removed by stop_all
#   background NAME CMD starts CMD, which stop_all ends; its output goes to $scratch/NAME.log
#   start_devnet ARGS   starts $vision devnet ARGS --data $scratch/data, sets api, key and devnet
#   stop_devnet         interrupts it as Ctrl-C does, and fails unless it ends within 5 s

scratch=$(mktemp -d)
started=()

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

background() {
  local name=$1
  shift
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
  for _ in $(seq 240); do
    api=$(grep -oE -m1 'http://127\.0\.0\.1:[0-9]+/v1' "$scratch/devnet.log" | head -n1)
    key=$(grep -oE -m1 '\bsk-[A-Za-z0-9_-]{12,}' "$scratch/devnet.log" | head -n1)
    [ -n "$api" ] && [ -n "$key" ] && return
    alive "$devnet" || fail "the devnet ended before it was up"
    sleep 0.25
  done
  fail "the devnet printed no base URL and key within a minute"
}

stop_devnet() {
  kill -INT "$devnet"
  for _ in $(seq 50); do
    if ! alive "$devnet"; then
      wait "$devnet" || fail "the devnet ended with code $? on Ctrl-C"
      grep -qF "$scratch/data" "$scratch/devnet.log" || fail "the devnet did not say where its data is"
      return 0
    fi
    sleep 0.1
  done
  fail "the devnet still runs 5 s after Ctrl-C"
}
