"""Write and score the answers of every class.

    collect.py FOLDER TOKENS [CLASS[:COUNT]...]
    collect.py FOLDER TOKENS --others [CLASS...]

FOLDER holds models/, prompts.jsonl (made by ./prompts), and gets answers/ and
scores/, a file for each class and every 100 answers. What is there is not made
again, so that the work may be interrupted. All classes without names, and as
many answers as their class says without COUNT. Answers
have at most TOKENS tokens (and two thirds of that at least, if their model does
not end them).
"""

import dataclasses
import json
import os
import pathlib
import sys
import time
import zlib

import numpy as np

from classes import CALIBRATION, CLASSES, Class
from edits import Written, edited
from engine import Answer, Engine, Job, Stack, total

SHARD = 100
LONGEST = 128  # tokens of a prompt
TOP = 20
OTHERS = ["q4", "pruned"]  # of fewer bits, and another
SAMPLES = 4  # answers to each prompt, above temperature 0
REFERENCE = Stack(batch=1)


def chat(messages: list[dict]) -> str:
    """The template that the model was published with."""
    if messages[0]["role"] != "system":
        messages = [{"role": "system", "content": "You are a helpful AI assistant named SmolLM, trained by Hugging Face"}, *messages]
    said = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages)
    return said + "<|im_start|>assistant\n"


def prompts(folder: pathlib.Path, engine: Engine, calibrates: bool) -> list[tuple[int, list[int]]]:
    found = []
    for number, line in enumerate(open(folder / "prompts.jsonl")):
        ids = engine.tokenize(chat(json.loads(line)))
        if (number < CALIBRATION) == calibrates and len(ids) <= LONGEST:
            found.append((number, ids))
    return found


def jobs(name: str, c: Class, found, tokens: int, end: int) -> list[Job]:
    serves = c.temperature if c.serves is None else c.serves
    samples = SAMPLES if c.temperature > 0 and serves > 0 else 1
    made = []
    for i in range(c.count):
        at = c.skip + i // samples
        if at == len(found):
            raise SystemExit(f"collect.py: {name}: {c.count} answers wanted, there are prompts for {i}")
        number, ids = found[at]
        most = tokens - number % (tokens // 3 + 1)
        key = f"{number}.{i % samples}"
        made.append(Job(key, ids, most, serves, 1.0 if c.ignores_top_p else c.top_p, zlib.crc32(f"{name} {key}".encode()), end if c.pads else -1))
    return made


def describe(logits: np.ndarray, answer: list[int], end: int, temperature: float) -> dict[str, np.ndarray]:
    """What a reference says about each token of an answer: logarithms natural, at temperature 1 but for the last."""
    columns = {k: [] for k in ("logprob", "gap", "deficit", "rank", "entropy", "variance", "collision", "end", "top_tokens", "top_logprobs", "end_asked")}
    for row, token in zip(logits, answer):
        lp = row - np.float32(total(row))
        top = likeliest(lp)
        shares = np.exp(lp)
        entropy = -float(shares @ lp)
        t = temperature or 1
        for column, value in zip(columns.values(), (
            lp[token], lp[top[0]] - lp[top[1]], lp[top[0]] - lp[token], int((lp > lp[token]).sum()) + 1,
            entropy, float((shares * lp) @ lp) - entropy**2, float(shares @ shares), lp[end], top, lp[top], lp[end] / t - total(lp / np.float32(t)),
        )):
            column.append(value)
    integers = ("rank", "top_tokens")
    arrays = {k: np.array(v, np.int32 if k in integers else np.float32) for k, v in columns.items()}
    return arrays | {"token": np.array(answer, np.int32)}


def likeliest(lp: np.ndarray) -> np.ndarray:
    """The TOP likeliest tokens, best first."""
    some = np.flatnonzero(lp > lp.max() - 8)
    if len(some) < TOP:
        some = np.argpartition(-lp, TOP)[:TOP]
    return some[np.argsort(-lp[some], kind="stable")[:TOP]]


def save(path: pathlib.Path, answers: list[dict]) -> None:
    """Columns of all answers one after another, and the length of each answer."""
    columns = {k: np.concatenate([a[k] for a in answers]) for k in answers[0] if isinstance(answers[0][k], np.ndarray)}
    columns["prompt"] = np.array([a["prompt"] for a in answers], np.int32)
    columns["prompt_tokens"] = np.array([a["prompt_tokens"] for a in answers], np.int32)
    columns["most"] = np.array([a["most"] for a in answers], np.int32)
    columns["length"] = np.array([len(a["token"]) for a in answers], np.int32)
    part = path.with_suffix(".part.npz")
    np.savez(part, **columns)
    part.rename(path)


def write(folder: pathlib.Path, name: str, c: Class, tokens: int) -> None:
    """Has the class's model write what answers/ lacks."""
    done = lambda shard: folder / "answers" / f"{name}.{shard:03}.json"
    shards = range(-(-c.count // SHARD))
    if all(done(shard).exists() for shard in shards):
        return
    engine = Engine(str(folder / "models" / f"{c.model}.gguf"), c.stack)
    wanted = jobs(name, c, prompts(folder, engine, c.calibrates), tokens, engine.end)
    for shard in shards:
        if done(shard).exists():
            continue
        start = time.monotonic()
        if c.of:
            keep(done(shard), change(folder, c, shard, wanted, engine.end))
            continue
        written = [{"prompt": a.job.key, "ids": a.ids, "logprobs": a.logprobs}
                   for a in engine.generate(wanted[shard * SHARD : (shard + 1) * SHARD])]
        keep(done(shard), written)
        report(name, "wrote", written, start)
    engine.close()


def change(folder: pathlib.Path, c: Class, shard: int, wanted: list[Job], end: int) -> list[dict]:
    """A shard of another class's answers, edited. The miner tells of no log-probabilities."""
    path = folder / "answers" / f"{c.of}.{shard:03}.json"
    if not path.exists():
        raise SystemExit(f"collect.py: {path.name} is not written yet: collect {c.of} first")
    most = {job.key: job.most for job in wanted}
    answers = [a for a in json.loads(path.read_text()) if a["prompt"] in most]
    changed = edited(c.edit, [Written(a["ids"], most[a["prompt"]]) for a in answers], end)
    return [{"prompt": a["prompt"], "ids": ids, "logprobs": [0.0] * len(ids)} for a, ids in zip(answers, changed)]


def keep(path: pathlib.Path, value) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value))
    part.rename(path)


def report(name: str, did: str, answers: list, start: float) -> None:
    n = sum(len(a["ids"]) for a in answers)
    print(f"{time.strftime('%H:%M:%S')} {name}: {did} {len(answers)} answers, {n} tokens, {n / (time.monotonic() - start):.0f} a second", flush=True)


def score(folder: pathlib.Path, name: str, c: Class, tokens: int, engine: Engine) -> None:
    """Has the reference score what scores/ lacks."""
    wanted = None
    for path in sorted((folder / "answers").glob(f"{name}.[0-9][0-9][0-9].json")):
        done = folder / "scores" / (path.stem + ".npz")
        if done.exists():
            continue
        if wanted is None:
            wanted = {job.key: job for job in jobs(name, c, prompts(folder, engine, c.calibrates), tokens, engine.end)}
        start = time.monotonic()
        answers = json.loads(path.read_text())
        texts = ((i, wanted[a["prompt"]].prompt, a["ids"]) for i, a in enumerate(answers))
        scored = []
        for i, logits in engine.score(texts):
            a, job = answers[i], wanted[answers[i]["prompt"]]
            row = describe(logits, a["ids"], engine.end, c.temperature)
            row |= {"miner": np.array(a["logprobs"], np.float32), "prompt": int(job.key.partition(".")[0]), "prompt_tokens": len(job.prompt), "most": job.most}
            scored.append(row)
        save(done, scored)
        report(name, "scored", answers, start)


def compare(folder: pathlib.Path, names: list[str], tokens: int) -> None:
    """Has the other models say what others/ lacks: log-probabilities of top_tokens, a column for each model."""
    wanted = []
    for name in names:
        for path in sorted((folder / "scores").glob(f"{name}.[0-9][0-9][0-9].npz")):
            if not (folder / "others" / path.name).exists():
                wanted.append((name, path))
    heard: dict[pathlib.Path, dict[str, np.ndarray]] = {path: {} for _, path in wanted}
    for model in OTHERS:
        engine = Engine(str(folder / "models" / f"{model}.gguf"), REFERENCE)
        for name, path in wanted:
            c = CLASSES[name]  # more of it may have been collected than it says
            c = dataclasses.replace(c, count=max(c.count, SHARD * (1 + int(path.stem.rpartition(".")[2]))))
            asked = {job.key: job for job in jobs(name, c, prompts(folder, engine, c.calibrates), tokens, engine.end)}
            answers = json.loads((folder / "answers" / path.with_suffix(".json").name).read_text())
            with np.load(path) as file:
                top = file["top_tokens"]
            rows, at = [], 0
            for _, logits in engine.score((i, asked[a["prompt"]].prompt, a["ids"]) for i, a in enumerate(answers)):
                for row in logits:
                    rows.append(row[top[at]] - np.float32(total(row)))
                    at += 1
            heard[path][model] = np.array(rows, np.float32)
            print(f"{time.strftime('%H:%M:%S')} {path.stem}: heard {model}", flush=True)
        engine.close()
    for path, columns in heard.items():
        part = folder / "others" / (path.stem + ".part.npz")
        np.savez(part, **columns)
        part.rename(folder / "others" / path.name)


def main() -> None:
    folder, tokens = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    for sub in ("answers", "scores", "others"):
        os.makedirs(folder / sub, exist_ok=True)
    if sys.argv[3:4] == ["--others"]:
        compare(folder, [n for n in sys.argv[4:] or CLASSES if CLASSES[n].temperature > 0], tokens)
        return
    reference = Engine(str(folder / "models" / "claim.gguf"), REFERENCE)
    for name, _, count in (word.partition(":") for word in sys.argv[3:] or CLASSES):
        c = CLASSES[name]
        c = dataclasses.replace(c, count=int(count or c.count))
        write(folder, name, c, tokens)
        score(folder, name, c, tokens, reference)


if __name__ == "__main__":
    main()
