"""Turn scores into a recording for `vision checker eval --recorded`.

    record.py FOLDER [--alone] [CLASS...] > recording.jsonl

FOLDER is collect.py's. A line is one answer: an evidence.Response in JSON (see
internal/checker/evidence/response.go); answers that follow from others are made
here: those cut short, those of a miner that is a cheat now and then, and those
with log-probabilities told that are another's. What a model gave its own tokens is
recorded for the old rule, and hidden from our tests unless the miner tells it. With --alone no model is asked beside the claim.

Calibration sees the stacks that calibrate and, so that it knows how cheats
differ, some models on prompts of their own; the test sees everything else.
"""

import json
import math
import pathlib
import sys
import zlib

import numpy as np

from classes import CALIBRATION, CLASSES, Class

LABELS = {
    "claim": "honest", "claim-bf16": "honest", "claim-f32": "honest",
    "q8": "8 bits", "q6": "6 bits", "q5": "5 bits", "q4": "4 bits", "q4_0": "4 bits (Q4_0)", "q3": "3 bits", "q2": "2 bits",
    "pruned": "another model", "tuned": "fine-tuned",
}
ALTERNATIVES = ["q6", "q4", "q3", "q2", "pruned"]  # what a validator is taken to run itself
ALTERNATIVE = CALIBRATION + 30  # prompts with numbers below it are for that
TRUNCATED = ["honest-bf16-batch32-flash", "honest-bf16-batch32-flash-t1"]  # whose answers a truncating miner cuts
MIXED = {"10% by 2 bits": 0.1, "30% by 2 bits": 0.3}  # shares of the answers
MIXED_OF = ("honest-bf16-batch32-flash", "q2")
TELLS = {"q4": "4 bits", "q4-t1": "4 bits"}  # miners that also tell log-probabilities: their own, or the claim's
LAST_TRUNCATED = ALTERNATIVE + 1000  # of their prompts' numbers
KEPT = 20  # likeliest tokens of a position, above temperature 0


def label(c: Class) -> str:
    """What a miner of this class does."""
    if c.edit:
        return c.edit
    if c.pads:
        return "never ends"
    if c.ignores_top_p:
        return "top_p ignored"
    if c.serves is not None:
        return f"temperature {c.serves:g} for {c.temperature:g}" if c.serves else f"greedy for {c.temperature:g}"
    return LABELS[c.model]


def answers(path: pathlib.Path):
    """The columns of each answer of a file of scores, and of other models if they were asked."""
    with np.load(path) as file:
        columns = {k: file[k] for k in file.files}
    others = path.parent.parent / "others" / path.name
    if others.exists():
        with np.load(others) as file:
            columns |= {"other " + k: file[k] for k in file.files}
    each = {k: columns.pop(k) for k in ("prompt", "prompt_tokens", "most", "length")}
    start = 0
    for i, n in enumerate(each["length"]):
        yield {k: int(v[i]) for k, v in each.items()} | {k: v[start : start + n] for k, v in columns.items()}
        start += n


def part(name: str, number: int) -> str:
    """What an answer to a prompt is for: calibration, test, or nothing (empty). Nothing is
    calibrated above temperature 0, nor on what others made of answers."""
    if number >= ALTERNATIVE or CLASSES[name].temperature > 0:
        return "test"
    return "calibration" if number < CALIBRATION or name in ALTERNATIVES else ""


def response(c: Class, name: str, a: dict, end: int) -> dict:
    """An evidence.Response."""
    stopped = bool(a["token"][-1] == end)
    return {
        "label": label(c), "prompt": f"{part(name, a['prompt'])}/{a['prompt']}", "stack": stack(name, c),
        "temperature": c.temperature, "top_p": c.top_p, "max_tokens": a["most"],
        "finish": "stop" if stopped else "length", "ids": True, "hidden": True,
        "positions": [position(c, a, i, end) for i in range(len(a["token"]))],
    }


def stack(name: str, c: Class) -> str:
    """Which server wrote it: calibration is by this name, whatever was asked for."""
    s = c.stack
    parts = [c.model.removeprefix("claim-").replace("claim", "f16"), f"batch {s.batch}"]
    parts += [f"{s.threads} threads"] * (s.threads > 1) + ["flash attention"] * s.flash + [f"cache {s.kv}"] * (s.kv != "f16")
    return ", ".join(parts)


def position(c: Class, a: dict, i: int, end: int) -> dict:
    """An evidence.Position."""
    token = int(a["token"][i])
    p = {
        "token": token, "rank": int(a["rank"][i]), "gap": short(a["gap"][i]),
        "deficit": short(a["deficit"][i]), "logprob": short(a["logprob"][i]),
    }
    if a["rank"][i] == 1:
        p["best"] = True
    if c.temperature > 0:
        n = nucleus(a["top_logprobs"][i])
        p["top"] = [{"token": int(t), "logprob": short(x)} for t, x in zip(a["top_tokens"][i][:n], a["top_logprobs"][i][:n])]
        if others := [a[k][i][:n] for k in a if k.startswith("other ")]:
            p["others"] = [[short(x) for x in o] for o in others]
        if c.top_p == 1:  # else it depends on what is cut
            p |= {"end": float(f"{math.exp(a['end_asked'][i]):.4g}"), "has_end": True}
    if token == end:
        p["ends"] = True
    if not c.edit:  # who edits an answer tells nothing of it
        p["claimed"] = short(a["miner"][i])
    return p


def nucleus(logprobs: np.ndarray) -> int:
    """How many of the likeliest tokens to keep: no more than what matters."""
    return max(2, min(KEPT, int((logprobs > -12).sum())))


def short(x) -> float:
    return round(float(x), 4)


def truncated(a: dict, share: float, end: int) -> dict:
    """The scores of the same answer cut by a miner that says the model ended it."""
    n = max(1, int(share * len(a["token"])))
    cut = {k: v[:n].copy() if isinstance(v, np.ndarray) else v for k, v in a.items()}
    best = cut["logprob"][-1] + cut["deficit"][-1]
    cut["token"][-1] = end
    cut["logprob"][-1] = cut["end"][-1]
    cut["deficit"][-1] = max(0, best - cut["end"][-1])
    cut["rank"][-1] = 1 + (cut["top_logprobs"][-1] > cut["end"][-1]).sum()  # at least
    return cut


def told(r: dict, does: str, claims) -> dict:
    """The same answer by a miner that tells log-probabilities."""
    positions = [p | {"claimed": c} for p, c in zip(r["positions"], claims)]
    return r | {"label": does, "hidden": False, "positions": positions}


def mixed(folder: pathlib.Path, end: int):
    """Miners that answer a share of their requests by a coarser model."""
    honest, cheat = MIXED_OF
    coarse = {a["prompt"]: a for a in scored(folder, cheat)}
    for a in scored(folder, honest):
        if a["prompt"] not in coarse or part(cheat, a["prompt"]) != "test":
            continue
        for does, share in MIXED.items():
            cheats = zlib.crc32(f"{does} {a['prompt']}".encode()) < share * 2**32
            name, one = (cheat, coarse[a["prompt"]]) if cheats else (honest, a)
            yield response(CLASSES[name], name, one, end) | {"label": does}


def scored(folder: pathlib.Path, name: str):
    for path in sorted((folder / "scores").glob(f"{name}.[0-9][0-9][0-9].npz")):
        yield from answers(path)


def recording(folder: pathlib.Path, names: list[str], end: int = 2):
    for name in names:
        c = CLASSES[name]
        for a in scored(folder, name):
            use = part(name, a["prompt"])
            if not use:
                continue
            r = response(c, name, a, end)
            yield r
            if name in TRUNCATED and a["prompt"] < LAST_TRUNCATED:
                for share in (0.5, 0.8):
                    yield response(c, name, truncated(a, share, end), end) | {"label": f"truncated at {share:.0%}"}
            if name in TELLS and use == "test":
                yield told(r, TELLS[name] + ", shows its logprobs", [p["claimed"] for p in r["positions"]])
                yield told(r, TELLS[name] + ", prefill attack", [p["logprob"] for p in r["positions"]])
    if set(MIXED_OF) <= set(names):
        yield from mixed(folder, end)


def main() -> None:
    folder, *names = sys.argv[1:]
    alone = "--alone" in names
    names = [n for n in names if n != "--alone"]
    for r in recording(pathlib.Path(folder), names or list(CLASSES)):
        for p in r["positions"] if alone else []:
            p.pop("others", None)
        json.dump(r, sys.stdout, separators=(",", ":"))
        print()


if __name__ == "__main__":
    main()
