#!/usr/bin/env bash
# Drives the page of a devnet in headless Chromium, as a visitor would, and runs
# the code that it shows. Needs chromium (or CHROMIUM=path), node, npm and
# python3 with venv; packages are locked here, and kept in ~/.cache once they are
# installed. Takes two minutes. Ends with 75 without Chromium.
set -u -o pipefail
cd "$(dirname "$0")" || exit 1
source ../devnet.sh
source ../packages.sh

CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome)}
if [ ! -x "$CHROMIUM" ]; then
  echo "there is no Chromium: install the package chromium, or set CHROMIUM" >&2
  exit 75
fi
export CHROMIUM
trap stop_all EXIT

vision=$scratch/vision
(cd ../.. && go build -o "$vision" ./cmd/vision) || fail "build the program"
export VISION_SOURCE=$scratch/source # a place where go run finds the SDK, and nothing of ours is written to
mkdir "$VISION_SOURCE" && cp ../../go.mod ../../go.sum "$VISION_SOURCE" || fail "copy the module's versions"

python_packages interop-python ../interop/python/requirements.txt # has the SDK
export PYTHON=$python
node_packages browser-node package-lock.json
mkdir "$scratch/test" && cp ./*.js package.json "$scratch/test" && ln -s "$modules" "$scratch/test" || fail "lay out the tests"

patient_tasks
start_devnet --period 30s --miners 3
export VISION_API=$api VISION_KEY=$key
"$CHROMIUM" --version 2>/dev/null
(cd "$scratch/test" && node --test --test-concurrency=1 --test-timeout=900000) || fail "the page"
stop_devnet
