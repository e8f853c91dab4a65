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
source prepare.sh
"$python" record_test.py || fail "the tests of record.py"
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

if [ ! -e "$folder/prompts.jsonl" ]; then
  (cd ../.. && go run ./test/verification/prompts 4000) >"$folder/prompts.part" && mv "$folder/prompts.part" "$folder/prompts.jsonl" || fail "make up prompts"
fi

if [ $# -eq 0 ]; then
  mapfile -t classes < <("$python" -c 'import classes; print(*classes.CLASSES, sep="\n")')
else
  classes=("$@")
fi
# Those that change others' answers come after them.
mapfile -t classes < <("$python" -c 'import sys, classes; print(*sorted(sys.argv[1:], key=lambda n: bool(classes.CLASSES[n.partition(":")[0]].of)), sep="\n")' "${classes[@]}")
printf '%s\n' "${classes[@]}" | xargs -P "${PROCESSES:-2}" -n 1 nice -n 19 "$python" collect.py "$folder" "$tokens" || fail "collect answers"
"$python" collect.py "$folder" "$tokens" --others "${classes[@]%%:*}" || fail "ask other models"
"$python" record.py "$folder" "${classes[@]%%:*}" >"$folder/recording.jsonl" || fail "write the recording"
"$python" record.py "$folder" --alone "${classes[@]%%:*}" >"$folder/alone.jsonl" || fail "write the recording"
"$python" cost.py "$folder" || fail "measure the cost"
cd ../.. || exit 1
echo "With no model beside the claim:"
go run ./cmd/vision checker eval --recorded "$folder/alone.jsonl" || fail "evaluate"
echo "With the models that were asked beside it:"
go run ./cmd/vision checker eval --recorded "$folder/recording.jsonl" || fail "evaluate"
