#!/usr/bin/env bash
# Does what a newcomer does with the README at hand: a clean clone, the two
# commands, a streamed answer, a wrong key, the scores, Ctrl-C. Run from the
# root of a repository; what is committed is what is tried. Takes about 40 s
# with a warm build cache. The second command, go test, is .ci/run's next section.
set -u -o pipefail
source "$(dirname "$0")/devnet.sh"
trap stop_all EXIT

git clone --quiet --no-hardlinks . "$scratch/clone" || fail "clone the repository"
cd "$scratch/clone" || fail "enter the clone"

for command in 'go run ./cmd/vision devnet' 'go test ./...'; do
  grep -qF "$command" README.md || fail "the README does not show: $command"
done
for place in $(grep -oE '\]\([A-Za-z0-9_./-]+\)' README.md | tr -d ']()' | sort -u); do
  [ -e "$place" ] || fail "the README links to $place, which is not there"
done

vision=$scratch/vision
go build -o "$vision" ./cmd/vision || fail "build the program"

start_devnet --period 10s --miners 3 --cheats quantised,overdeclare
bearer="Authorization: Bearer $key"

curl -fsS -m 60 -H "$bearer" "$api/models" >"$scratch/models" || fail "list the models"
model=$(python3 - "$scratch/models" <<'PY'
import json, sys
models = json.load(open(sys.argv[1]))["data"]
assert all(m["object"] == "model" and m["id"] for m in models), models
print(next(m["id"] for m in models if m["kind"] == "chat"))
PY
) || fail "find a chat model among the models"

# Again, as it says, where all miners are busy at this moment.
curl -fsSN -m 120 --retry 60 --retry-max-time "$patience" -H "$bearer" -H 'Content-Type: application/json' "$api/chat/completions" >"$scratch/stream" \
  -d '{"model":"'"$model"'","stream":true,"max_tokens":48,"messages":[{"role":"user","content":"What do rivers carry to the sea?"}]}' \
  || fail "ask for a streamed answer"
chunks=$(grep -c '^data: {' "$scratch/stream")
[ "$chunks" -ge 5 ] || fail "the stream has only $chunks chunks"
[ "$(grep '^data: ' "$scratch/stream" | tail -n1)" = 'data: [DONE]' ] || fail "the stream does not end with [DONE]"

code=$(curl -s -o "$scratch/refused" -w '%{http_code}' -m 60 -H 'Authorization: Bearer sk-nobody-has-this-key' "$api/models")
[ "$code" = 401 ] || fail "a wrong key is answered with $code, want 401"

# Two periods are enough for scores; the scheme starts with a whole one.
until=$((SECONDS + patience))
while [ $SECONDS -lt $until ]; do
  "$vision" scores --data "$scratch/data" --json >"$scratch/scores" || fail "show the scores beside the running devnet"
  python3 - "$scratch/scores" <<'PY' && break
import json, sys
report = json.load(open(sys.argv[1]))
scored = [m for m in report["miners"] if m["weight"] > 0]
sys.exit(0 if report["scored_period"] >= 1 and len(scored) >= 3 and len(report["miners"]) == 5 else 1)
PY
  sleep 0.5
done
python3 - "$scratch/scores" <<'PY' || fail "the scores are not those of five miners at work"
import json, sys
report = json.load(open(sys.argv[1]))
assert report["scored_period"] >= 1, "no period was scored"
assert len(report["miners"]) == 5, f"{len(report['miners'])} miners, want 5"
assert abs(sum(m["weight"] for m in report["miners"]) - 1) < 1e-9, "the weights do not sum to 1"
PY
hotkey=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["miners"][0]["hotkey"])' "$scratch/scores")
# By way of a file: grep -q would close a pipe that is still written to.
"$vision" scores "$hotkey" --data "$scratch/data" >"$scratch/one" && grep -qF "$hotkey" "$scratch/one" || fail "show one miner's score"

stop_devnet
echo "newcomer: $chunks chunks from $model, scores of 5 miners, stopped cleanly"
