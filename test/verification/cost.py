"""Measure what checking costs beside writing the same again: cost.py FOLDER [COUNT]

Takes COUNT (20) answers of the first class from FOLDER, which is collect.py's,
and prints the processor's time per token of theirs, milliseconds: one prefill
of prompt and answer by the reference, and decoding the same anew, one and
sixteen at once.
"""

import json
import pathlib
import sys
import time

from classes import CLASSES
from collect import describe, prompts
from engine import Engine, Job, Stack


def spent(work) -> float:
    start = time.process_time()
    for _ in work:
        pass
    return 1000 * (time.process_time() - start)


def main() -> None:
    folder, count = pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20
    name, c = next(iter(CLASSES.items()))
    answers = json.loads((folder / "answers" / f"{name}.000.json").read_text())[:count]
    tokens = sum(len(a["ids"]) for a in answers)
    for model, batch in (("claim", 1), ("claim-bf16", 1), ("claim-bf16", 16)):
        engine = Engine(str(folder / "models" / f"{model}.gguf"), Stack(batch=batch))
        asked = dict(prompts(folder, engine, c.calibrates))
        asked = {a["prompt"]: asked[int(a["prompt"].partition(".")[0])] for a in answers}
        if batch == 1:
            check = spent(describe(logits, answers[i]["ids"], engine.end, 0)
                          for i, logits in engine.score((i, asked[a["prompt"]], a["ids"]) for i, a in enumerate(answers)))
            print(f"{model}: check {check / tokens:.2f} ms a token", flush=True)
        again = [Job(a["prompt"], asked[a["prompt"]], len(a["ids"]), 0) for a in answers]
        written = []
        write = spent(written.append(len(a.ids)) or a for a in engine.generate(again))
        print(f"{model}: write, {batch} at once, {write / sum(written):.2f} ms a token", flush=True)
        engine.close()


if __name__ == "__main__":
    main()
