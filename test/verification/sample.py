"""Take the sample that is committed out of a recording:

    sample.py < recording.jsonl | gzip -9n > ../../internal/checker/eval/testdata/smollm2.jsonl.gz

The first answers of each class at temperature 0, to three decimals.
"""

import collections
import json
import sys

KEPT = ["honest", "6 bits", "4 bits", "3 bits", "2 bits", "another model"]
HONEST, CHEATS = 130, 62  # answers of each

seen: collections.Counter = collections.Counter()
for line in sys.stdin:
    r = json.loads(line)
    if r["temperature"] > 0 or r["label"] not in KEPT:
        continue
    part = (r["label"], r["prompt"].partition("/")[0] if r["label"] == "honest" else "")
    seen[part] += 1
    if seen[part] > (HONEST if part[1] else CHEATS):
        continue
    r.pop("hidden", None)
    for p in r["positions"]:
        p.pop("claimed", None)
        p |= {k: round(p[k], 3) for k in ("gap", "deficit", "logprob")}
    print(json.dumps(r, separators=(",", ":")))
