"""The labelled classes of answers: who answers, with what, and how.

Prompts below CALIBRATION are for the honest stack that noise is measured on, the
noisiest; all others are for the test, the stacks held out and the cheats.
"""

import dataclasses

from engine import Stack

CALIBRATION = 1000


@dataclasses.dataclass(frozen=True)
class Class:
    model: str
    stack: Stack
    count: int  # answers wanted
    temperature: float = 0.0  # what is asked for
    serves: float | None = None  # the temperature served, if another
    calibrates: bool = False
    top_p: float = 1.0  # what is asked for
    ignores_top_p: bool = False
    pads: bool = False  # goes on where its model ends
    skip: int = 0  # prompts that other stacks answer
    of: str = ""  # no model answers, but those of this class are changed,
    edit: str = ""  # by this: see edits.py


small = Stack(batch=16)
wide = Stack(batch=32, flash=True)

CLASSES = {
    # Honest, temperature 0: the noisiest calibrates, the others are held out.
    "honest-bf16-batch16": Class("claim-bf16", small, 600, calibrates=True),
    "honest-bf16-batch32-flash": Class("claim-bf16", wide, 1400),
    "honest-bf16-batch24-kv32": Class("claim-bf16", Stack(batch=24, kv="f32"), 700, skip=1500),
    "honest-f32-batch16-kv32": Class("claim-f32", Stack(batch=16, kv="f32"), 100, skip=2200),
    "honest-f16-batch8": Class("claim", Stack(batch=8), 100, skip=2300),
    "honest-f16-batch8-2threads": Class("claim", Stack(batch=8, threads=2), 100, skip=2400),
    "honest-f16-batch1": Class("claim", Stack(batch=1), 100, skip=2500),
    # Cheats, temperature 0.
    "q4": Class("q4", small, 330),  # the first 30 are for calibration: see record.py
    "q3": Class("q3", small, 330),
    "q2": Class("q2", small, 330),
    "pruned": Class("pruned", small, 330),
    "tuned": Class("tuned", small, 330),
    "q6": Class("q6", small, 330),
    "q8": Class("q8", small, 330),
    "q5": Class("q5", small, 330),
    "q4_0": Class("q4_0", small, 330),
    # The same and others at temperature 1 and 0.7.
    "honest-bf16-batch32-flash-t1": Class("claim-bf16", wide, 500, 1.0),
    "honest-bf16-batch32-flash-t0.7": Class("claim-bf16", wide, 300, 0.7),
    "honest-bf16-batch32-flash-t1-p0.9": Class("claim-bf16", wide, 200, 1.0, top_p=0.9),
    "q4-t1": Class("q4", small, 300, 1.0),
    "q3-t1": Class("q3", small, 300, 1.0),
    "q2-t1": Class("q2", small, 300, 1.0),
    "pruned-t1": Class("pruned", small, 300, 1.0),
    "tuned-t1": Class("tuned", small, 300, 1.0),
    "q6-t1": Class("q6", small, 300, 1.0),
    "temperature-0.7-for-1": Class("claim-bf16", small, 300, 1.0, 0.7),
    "temperature-0.9-for-1": Class("claim-bf16", small, 300, 1.0, 0.9),
    "temperature-1.1-for-1": Class("claim-bf16", small, 300, 1.0, 1.1),
    "temperature-1-for-0.7": Class("claim-bf16", small, 300, 0.7, 1.0),
    "greedy-for-1": Class("claim-bf16", small, 300, 1.0, 0.0),
    "q4-t0.7": Class("q4", small, 300, 0.7),
    "q3-t0.7": Class("q3", small, 300, 0.7),
    "temperature-0.1-for-0": Class("claim-bf16", small, 330, serves=0.1),
    "temperature-0.3-for-0": Class("claim-bf16", small, 330, serves=0.3),
    "padded": Class("claim-bf16", wide, 330, of="honest-bf16-batch32-flash", edit="padded by 20%"),
    "cached": Class("claim-bf16", wide, 330, of="honest-bf16-batch32-flash", edit="cached reply"),
    "padded-t1": Class("claim-bf16", wide, 300, 1.0, of="honest-bf16-batch32-flash-t1", edit="padded by 20%"),
    "cached-t1": Class("claim-bf16", wide, 300, 1.0, of="honest-bf16-batch32-flash-t1", edit="cached reply"),
    "never-ends": Class("claim-bf16", small, 330, pads=True),
    "never-ends-t1": Class("claim-bf16", small, 300, 1.0, pads=True),
    "top-p-ignored": Class("claim-bf16", small, 300, 1.0, top_p=0.9, ignores_top_p=True),
}
