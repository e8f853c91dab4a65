#!/usr/bin/env bash
# Runs the official Python and Node SDKs against a live devnet of honest
# miners. Needs python3 with venv, node and npm; both SDKs are installed into
# a temporary folder, at the versions that are locked here. Takes about a minute.
set -u -o pipefail
cd "$(dirname "$0")" || exit 1
source ../devnet.sh
trap stop_all EXIT

vision=$scratch/vision
(cd ../.. && go build -o "$vision" ./cmd/vision) || fail "build the program"

python3 -m venv "$scratch/python" || fail "make a virtual environment"
"$scratch/python/bin/pip" install --quiet --disable-pip-version-check -r python/requirements.txt || fail "install the Python SDK"
cp -r node "$scratch/node" && (cd "$scratch/node" && npm ci --silent) || fail "install the Node SDK"

start_devnet --period 30s --miners 3
export VISION_API=$api VISION_KEY=$key VISION_LIMIT=3

# A key for each suite, so that they find its limit unused. Keys work within a second.
limited() {
  VISION_LIMITED_KEY=$("$vision" key create --name "limited, $1" --per-minute "$VISION_LIMIT" --data "$scratch/data" | head -n1) || fail "create a limited key"
  export VISION_LIMITED_KEY
  for _ in $(seq 50); do
    code=$(curl -s -o "$scratch/answer" -w '%{http_code}' -m 10 -H "Authorization: Bearer $VISION_LIMITED_KEY" "$api/models")
    [ "$code" != 401 ] && return
    sleep 0.1
  done
  fail "a new key does not work after 5 s"
}

echo "Python: $("$scratch/python/bin/pip" freeze | grep '^openai=')"
limited python
"$scratch/python/bin/python" python/test_sdk.py || fail "the Python SDK's suite"

echo "Node: openai $(node -p "require('$scratch/node/node_modules/openai/package.json').version")"
limited node
(cd "$scratch/node" && node --test) || fail "the Node SDK's suite"

"$vision" key list --data "$scratch/data" || fail "list the keys"
stop_devnet
