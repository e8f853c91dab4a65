"""A small server of llama.cpp without a network: many sequences decoded at once.

    engine = Engine("claim.gguf", Stack(batch=8))
    for answer in engine.generate(jobs): ...         # as a miner does
    for scores in engine.score(texts): ...   # as a validator does, by one prefill each
"""

import ctypes
import dataclasses
from collections.abc import Iterable, Iterator

import llama_cpp
import numpy as np


@dataclasses.dataclass(frozen=True)
class Stack:
    """How a model is run. None of it may change what is served, but for rounding."""

    batch: int = 8  # sequences decoded at once
    threads: int = 1
    flash: bool = False
    kv: str = "f16"  # number format of the cache of keys and values: f16 or f32
    context: int = 512  # tokens of prompt and answer
    step: int = 512  # most tokens of one call


@dataclasses.dataclass(frozen=True)
class Job:
    """One request: token ids of a prompt, and how to sample."""

    key: str
    prompt: list[int]
    most: int  # max_tokens
    temperature: float
    top_p: float = 1.0
    seed: int = 0
    never: int = -1  # a token that is never written


class Engine:
    def __init__(self, model: str, stack: Stack = Stack()):
        llama_cpp.llama_backend_init()
        quiet()
        self.stack = stack
        self.model = llama_cpp.llama_model_load_from_file(bytes(model, "utf-8"), llama_cpp.llama_model_default_params())
        if not self.model:
            raise SystemExit(f"engine.py: cannot load {model}")
        self.vocabulary = llama_cpp.llama_model_get_vocab(self.model)
        self.size = llama_cpp.llama_vocab_n_tokens(self.vocabulary)
        self.end = llama_cpp.llama_vocab_eos(self.vocabulary)
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = stack.context * (stack.batch + 1)
        params.n_batch = params.n_ubatch = stack.step
        params.n_seq_max = stack.batch + 1
        params.n_threads = params.n_threads_batch = stack.threads
        params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED if stack.flash else llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.type_k = params.type_v = {"f16": llama_cpp.GGML_TYPE_F16, "f32": llama_cpp.GGML_TYPE_F32}[stack.kv]
        params.kv_unified = False
        params.no_perf = True
        self.context = llama_cpp.llama_init_from_model(self.model, params)
        if not self.context:
            raise SystemExit(f"engine.py: cannot make a context for {stack}")
        self.memory = llama_cpp.llama_get_memory(self.context)
        self.tokens = llama_cpp.llama_batch_init(stack.step, 0, 1)
        self.last: list[int] = []  # the last prompt, kept in a sequence of its own: the next may begin alike

    def close(self) -> None:
        llama_cpp.llama_batch_free(self.tokens)
        llama_cpp.llama_free(self.context)
        llama_cpp.llama_model_free(self.model)

    def tokenize(self, text: str) -> list[int]:
        raw = text.encode()
        ids = (ctypes.c_int32 * (len(raw) + 8))()
        n = llama_cpp.llama_tokenize(self.vocabulary, raw, len(raw), ids, len(ids), False, True)
        assert n >= 0
        return list(ids[:n])

    def piece(self, token: int) -> bytes:
        room = ctypes.create_string_buffer(256)
        n = llama_cpp.llama_token_to_piece(self.vocabulary, token, room, len(room), 0, True)
        return room.raw[:n]

    def run(self, rows: list[tuple[int, int, int, bool]]) -> np.ndarray:
        """Runs rows of (token, position, sequence, wanted); logits of those wanted."""
        batch = self.tokens
        batch.n_tokens = len(rows)
        wanted = 0
        for i, (token, position, sequence, want) in enumerate(rows):
            batch.token[i] = token
            batch.pos[i] = position
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = sequence
            batch.logits[i] = want
            wanted += want
        if code := llama_cpp.llama_decode(self.context, batch):
            raise RuntimeError(f"llama_decode: {code}")
        if wanted == 0:
            return np.empty((0, self.size), np.float32)
        return np.ctypeslib.as_array(llama_cpp.llama_get_logits(self.context), (wanted, self.size))

    def begin(self, sequence: int, prompt: list[int], more: list[int]) -> np.ndarray:
        """Empties a sequence and runs a prompt, and more after it; logits from the prompt's last token on."""
        kept = self.stack.batch
        same = min(common(self.last, prompt), len(prompt) - 1)
        llama_cpp.llama_memory_seq_rm(self.memory, sequence, -1, -1)
        if same > 0:
            llama_cpp.llama_memory_seq_cp(self.memory, kept, sequence, -1, -1)
            llama_cpp.llama_memory_seq_rm(self.memory, sequence, same, -1)
        whole = prompt + more
        rows = [(whole[i], i, sequence, i >= len(prompt) - 1) for i in range(same, len(whole))]
        assert len(rows) <= self.stack.step
        logits = self.run(rows)
        if same < len(prompt) - 1:
            llama_cpp.llama_memory_seq_rm(self.memory, kept, -1, -1)
            llama_cpp.llama_memory_seq_cp(self.memory, sequence, kept, -1, -1)
            llama_cpp.llama_memory_seq_rm(self.memory, kept, len(prompt), -1)
            self.last = prompt
        return logits

    def generate(self, jobs: Iterable[Job]) -> Iterator["Answer"]:
        """Answers jobs, several at once, in the order in which they end."""
        waiting, free = iter(jobs), list(range(self.stack.batch))
        running: dict[int, Answer] = {}
        more = True
        while more or running:
            while free and more:
                if (job := next(waiting, None)) is None:
                    more = False
                    break
                sequence = free.pop()
                running[sequence] = Answer(job, np.random.default_rng(job.seed))
                running[sequence].extend(self.begin(sequence, job.prompt, [])[0])
            order = sorted(s for s in running if not self.finish(running[s]))
            for sequence in set(running) - set(order):
                free.append(sequence)
                yield running.pop(sequence)
            if not order:
                continue
            rows = [(running[s].ids[-1], len(running[s].job.prompt) + len(running[s].ids) - 1, s, True) for s in order]
            for sequence, logits in zip(order, self.run(rows)):
                running[sequence].extend(logits)

    def finish(self, answer: "Answer") -> str:
        """Why an answer has ended, empty if it has not."""
        if answer.ids[-1] == self.end:
            return "stop"
        return "length" if len(answer.ids) == answer.job.most else ""

    def score(self, texts: Iterable[tuple[str, list[int], list[int]]]) -> Iterator[tuple[str, np.ndarray]]:
        """For (key, prompt, answer) the logits at each of the answer's tokens: valid until the next."""
        for key, prompt, answer in texts:
            yield key, self.begin(0, prompt, answer[:-1])


def common(a: list[int], b: list[int]) -> int:
    """How many tokens two lists begin with in common."""
    n = 0
    while n < len(a) and n < len(b) and a[n] == b[n]:
        n += 1
    return n


@dataclasses.dataclass
class Answer:
    """What a miner writes: its ids, with the end's id last if its model ended it."""

    job: Job
    chance: np.random.Generator
    ids: list[int] = dataclasses.field(default_factory=list)
    logprobs: list[float] = dataclasses.field(default_factory=list)  # by the miner's own model, at temperature 1

    def extend(self, logits: np.ndarray) -> None:
        if self.job.never >= 0:
            logits = logits.copy()
            logits[self.job.never] = -np.inf
        token = draw(logits, self.job, self.chance)
        self.ids.append(token)
        self.logprobs.append(float(logits[token] - total(logits)))


def total(logits: np.ndarray) -> float:
    """The logarithm of the sum of exponentials."""
    top = logits.max()
    return float(top + np.log(np.exp(logits - top).sum(dtype=np.float64)))


def draw(logits: np.ndarray, job: Job, chance: np.random.Generator) -> int:
    if job.temperature == 0:
        return int(logits.argmax())
    shares = np.exp((logits - logits.max()) / np.float32(job.temperature)).astype(np.float64)
    if job.top_p < 1:
        order = np.argsort(-shares)
        sums = np.cumsum(shares[order])
        kept = int(np.searchsorted(sums, job.top_p * sums[-1])) + 1
        return int(order[pick(sums[:kept], chance)])
    return pick(np.cumsum(shares), chance)


def pick(sums: np.ndarray, chance: np.random.Generator) -> int:
    return min(int(np.searchsorted(sums, chance.random() * sums[-1], side="right")), len(sums) - 1)


@llama_cpp.llama_log_callback
def silent(level, text, data):
    if level == 4:  # errors; 5 continues whatever came before
        print(text.decode(errors="replace"), end="")


def quiet() -> None:
    llama_cpp.llama_log_set(silent, ctypes.c_void_p())
