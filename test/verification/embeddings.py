"""Prints how far vectors of other number formats and quantisations are from the claim's.

    embeddings.py FOLDER [TEXTS]

FOLDER is where run.sh keeps its models and prompts (~/.cache/vision-verification).
Vectors are the mean of SmolLM2's last hidden states over a text, normalised, by
llama.cpp on one thread. It is no embedding model, and its vectors of different
texts are much alike (which is printed first), but what its arithmetic loses is
what an embedding model of its size loses.
"""

import json
import pathlib
import sys

import llama_cpp
import numpy as np

HONEST = ["claim-f32", "claim-bf16"]  # other number formats; the claim has 16 bits
CHEATS = ["q8", "q6", "q5", "q4", "q3", "q2", "tuned", "pruned"]


def texts(path: pathlib.Path, count: int) -> list[str]:
    found = []
    with path.open() as lines:
        for line in lines:
            if len(found) == count:
                break
            found.append(" ".join(turn["content"] for turn in json.loads(line))[:400])
    return found


def vectors(path: pathlib.Path, inputs: list[str]) -> np.ndarray:
    # A text must fit in one batch: else the mean is of its last part.
    model = llama_cpp.Llama(
        str(path), embedding=True, pooling_type=llama_cpp.LLAMA_POOLING_TYPE_MEAN,
        n_ctx=512, n_batch=512, n_ubatch=512, n_threads=1, n_threads_batch=1, verbose=False)
    rows = [np.array(model.embed(text, normalize=True), dtype=np.float64).reshape(-1) for text in inputs]
    model.close()
    return np.array([row / np.linalg.norm(row) for row in rows])


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    inputs = texts(folder / "prompts.jsonl", int(sys.argv[2]) if len(sys.argv) > 2 else 60)
    claim = vectors(folder / "models" / "claim.gguf", inputs)
    others = (claim @ claim.T)[~np.eye(len(claim), dtype=bool)]
    print(f"{len(inputs)} texts; cosine of different ones: mean {others.mean():.3f}, at most {others.max():.3f}")
    print("| vectors of | 1 - cosine: least | median | most |\n| --- | --- | --- | --- |")
    for name in HONEST + CHEATS:
        apart = 1 - (vectors(folder / "models" / f"{name}.gguf", inputs) * claim).sum(axis=1)
        print(f"| {name} | {apart.min():.1e} | {np.median(apart):.1e} | {apart.max():.1e} |", flush=True)


if __name__ == "__main__":
    main()
