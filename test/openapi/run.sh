#!/usr/bin/env bash
# Validates /openapi.json and compares the real answers of a devnet with it.
# Needs python3 with venv; the validators are locked here, and kept in ~/.cache
# once they are installed. Takes about half a minute.
set -u -o pipefail
cd "$(dirname "$0")" || exit 1
source ../devnet.sh
source ../packages.sh
trap stop_all EXIT

vision=$scratch/vision
(cd ../.. && go build -o "$vision" ./cmd/vision) || fail "build the program"
python_packages openapi requirements.txt

patient_tasks
start_devnet --period 30s --miners 3
export VISION_API=$api VISION_KEY=$key VISION_LIMIT=2
new_key() { "$vision" key create --data "$scratch/data" "$@" >"$scratch/key" && head -n1 "$scratch/key"; }
VISION_LIMITED_KEY=$(new_key --name limited --per-minute "$VISION_LIMIT") && later=$(new_key --name later) || fail "create keys"
export VISION_LIMITED_KEY

# Keys are read all at once: when the later one works, the limited one does.
await_key "$later"

timeout -k 5 1200 "$python" check.py || fail "the API is not what its description says"
stop_devnet
