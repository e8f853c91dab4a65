"""Lay out the models that the evaluation compares.

    models.py FOLDER PUBLISHED [NAME...]

PUBLISHED is SmolLM2-135M-Instruct as published (GGUF, 4 bits, Q4_1). The claim,
claim.gguf, is what miners say they serve, at 16 bits. All others are made from
it: honest ones only change the number format, the cheats change what is served.
Prints the path of each model named, all if none is. What is there is not made
again.

The published weights lie on a grid of 16 values per block, which a quantiser of
4 bits meets again almost without loss, and no cheat would be as lucky. So each
weight is first moved to a random place within the half-step around it where its
original lay: the claim is the published model with rounding errors drawn anew.

llama.cpp's own mixtures ("Q2_K" and so on) cannot be used as they are: rows of
576 weights do not divide into K-quants' blocks of 256, and it falls back to 4
and 8 bits for most of them without more than a warning. So ggml's quantiser is
called on each matrix as one long row (whose blocks of 16 or 32 that share a
scale still end where rows end), and the result is unpacked to 16 bits. The
matrix of tokens, which is input and output in one, gets 6 bits wherever others
get fewer, as in those mixtures.
"""

import ctypes
import pathlib
import shutil
import sys

import gguf
import llama_cpp
import numpy as np

EMBEDDING = "token_embd.weight"

# Quantisers by the name of the model that they make.
LEVELS = {
    "q8": gguf.GGMLQuantizationType.Q8_0,
    "q6": gguf.GGMLQuantizationType.Q6_K,
    "q5": gguf.GGMLQuantizationType.Q5_K,
    "q4": gguf.GGMLQuantizationType.Q4_K,
    "q4_0": gguf.GGMLQuantizationType.Q4_0,
    "q3": gguf.GGMLQuantizationType.Q3_K,
    "q2": gguf.GGMLQuantizationType.Q2_K,
}
FORMATS = {"claim-bf16": llama_cpp.LLAMA_FTYPE_MOSTLY_BF16, "claim-f32": llama_cpp.LLAMA_FTYPE_ALL_F32}
PRUNED = [14, 16, 18]  # of 30 layers, the middle ones matter least
TUNED = 0.08  # standard deviation of what a fine-tune moved, in that of each matrix

NAMES = ["claim", *FORMATS, *LEVELS, "pruned", "tuned"]


def matrices(path: pathlib.Path, mode: str):
    """The matrices of a model of 16 bits, writable in place with mode r+."""
    for tensor in gguf.GGUFReader(path, mode).tensors:
        if len(tensor.shape) == 2:
            assert tensor.tensor_type == gguf.GGMLQuantizationType.F16, tensor.name
            yield tensor.name, tensor.data


def dither(blocks: np.ndarray, kind: gguf.GGMLQuantizationType, chance: np.random.Generator) -> np.ndarray:
    """Unpacks a quantised matrix, each weight drawn from the step it was rounded from."""
    values = gguf.dequantize(blocks, kind)
    if kind == gguf.GGMLQuantizationType.Q4_1:
        width = 20  # bytes: step and least value of 16 bits each, 32 weights of 4 bits
    elif kind == gguf.GGMLQuantizationType.Q8_0:
        width = 34  # bytes: step, 32 weights of 8 bits
    else:
        raise SystemExit(f"models.py: the published weights are {kind.name}, not Q4_1 or Q8_0")
    steps = blocks.reshape(-1, width)[:, :2].copy().view(np.float16).astype(np.float32)
    moved = chance.uniform(-0.5, 0.5, (len(steps), 32)).astype(np.float32) * steps
    return values + moved.reshape(values.shape)


def quantised(values: np.ndarray, kind: gguf.GGMLQuantizationType) -> np.ndarray:
    """What is left of values after ggml has quantised them to kind, their last axis taken together."""
    flat = np.ascontiguousarray(values, dtype=np.float32).reshape(-1)
    block, size = gguf.GGML_QUANT_SIZES[kind]
    assert flat.size % block == 0
    packed = np.empty(flat.size // block * size, dtype=np.uint8)
    pointer = lambda array, of: array.ctypes.data_as(ctypes.POINTER(of))
    run = library().ggml_quantize_chunk
    run.restype = ctypes.c_size_t
    run.argtypes = [ctypes.c_int, ctypes.POINTER(ctypes.c_float), ctypes.c_void_p] + [ctypes.c_int64] * 3 + [ctypes.c_void_p]
    wrote = run(kind.value, pointer(flat, ctypes.c_float), packed.ctypes.data, 0, flat.size // block, block, None)
    assert wrote == packed.size
    return gguf.dequantize(packed.reshape(-1, size), kind).reshape(values.shape)


def library() -> ctypes.CDLL:
    return ctypes.CDLL(str(pathlib.Path(llama_cpp.__file__).parent / "lib" / "libggml-base.so"))


def convert(source: pathlib.Path, target: pathlib.Path, format: int, prune=()) -> None:
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = format
    params.allow_requantize = True
    params.nthread = 1
    layers = (ctypes.c_int32 * (len(prune) + 1))(*prune, -1)
    if prune:
        params.prune_layers = layers
    if code := llama_cpp.llama_model_quantize(bytes(source), bytes(target), ctypes.byref(params)):
        raise SystemExit(f"models.py: llama.cpp could not make {target.name} (code {code})")


def make(name: str, folder: pathlib.Path, published: pathlib.Path) -> pathlib.Path:
    done, part = folder / f"{name}.gguf", folder / f"{name}.part"
    if done.exists():
        return done
    part.unlink(missing_ok=True)
    f16 = llama_cpp.LLAMA_FTYPE_MOSTLY_F16
    chance = np.random.default_rng(20261127)
    if name == "claim":
        convert(published, part, f16)
        kinds = {t.name: (t.data, t.tensor_type) for t in gguf.GGUFReader(published).tensors}
        for tensor, data in matrices(part, "r+"):
            data[:] = dither(*kinds[tensor], chance).astype(np.float16)
            data.flush()
        part.rename(done)
        return done
    claim = make("claim", folder, published)
    if name in FORMATS:
        convert(claim, part, FORMATS[name])
    elif name == "pruned":
        convert(claim, part, f16, PRUNED)
    elif name == "tuned":
        shutil.copyfile(claim, part)
        for _, data in matrices(part, "r+"):
            values = data.astype(np.float32)
            data[:] = (values + TUNED * values.std() * chance.standard_normal(values.shape, np.float32)).astype(np.float16)
            data.flush()
    else:
        shutil.copyfile(claim, part)
        for tensor, data in matrices(part, "r+"):
            kind = LEVELS[name]
            if tensor == EMBEDDING and name != "q8":
                kind = gguf.GGMLQuantizationType.Q6_K
            data[:] = quantised(data, kind).astype(np.float16)
            data.flush()
    if name not in FORMATS:  # what cheats serve is run as most honest servers run the claim
        half = part.with_suffix(".half")
        convert(part, half, llama_cpp.LLAMA_FTYPE_MOSTLY_BF16)
        half.replace(part)
    part.rename(done)
    return done


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[3:] or NAMES:
        print(make(name, folder, pathlib.Path(sys.argv[2])), flush=True)


if __name__ == "__main__":
    main()
