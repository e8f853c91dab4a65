"""Answers that a cheat makes of others, without a model."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Written:
    """An answer, and at most how many tokens it may have."""

    ids: list[int]
    most: int


def padded(a: Written, kept: list[list[int]], number: int, end: int) -> list[int]:
    """A fifth longer by its own last words, within what may be written."""
    ids = [i for i in a.ids if i != end]
    ids = ids[: max(1, (a.most - 1) * 5 // 6)]
    more = max(1, len(ids) // 5)
    return ids + ids[-more:] + [end]


def cached(a: Written, kept: list[list[int]], number: int, end: int) -> list[int]:
    """One of a few answers to other prompts, as long as may be written."""
    return kept[number % len(kept)][: a.most]


EDITS = {"padded by 20%": padded, "cached reply": cached}
KEPT = 8  # answers in the cache


def edited(edit: str, answers: list[Written], end: int) -> list[list[int]]:
    """Each answer as the edit leaves it. The cache holds the first long ones, which end in no end."""
    longest = max(len(a.ids) for a in answers)
    kept = [a.ids for a in answers if len(a.ids) >= longest - 1 and a.ids[-1] != end][:KEPT]
    return [EDITS[edit](a, kept, i, end) for i, a in enumerate(answers)]
