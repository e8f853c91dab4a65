"""Ask a gateway for short chats, one after another, until a file appears.

    customers.py API KEY MODEL STOP

So that there is evidence about every miner soon: probes alone are few where
miners declare little. Answers are short, for checking one takes the reference
longer than writing it, and most are asked for at temperature 0, where the
checker's test sees the most. They are not looked at; refusals are counted.
"""

import json
import os
import random
import sys
import time
import urllib.error
import urllib.request

api, key, model, stop = sys.argv[1:]
things = "rivers bridges copper herons winter glass bread maps engines clouds salt paper harbours wool".split()
ways = ["Explain {} to a child.", "Write three sentences about {}.", "Why do people care about {}?",
        "Tell me a short story about {} and {}.", "List some facts about {}."]
chance = random.Random(7)
answered = refused = 0
while not os.path.exists(stop):
    text = chance.choice(ways).format(*chance.sample(things, 2))
    body = {"model": model, "stream": True, "max_tokens": chance.randint(16, 40), "temperature": chance.choice([0, 0, 0, 0.7]),
            "messages": [{"role": "user", "content": text}]}
    request = urllib.request.Request(f"{api}/chat/completions", json.dumps(body).encode(), {
        "Authorization": f"Bearer {key}", "Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            whole = answer.read().rstrip().endswith(b"data: [DONE]")
    except (OSError, urllib.error.URLError):
        whole = False
    if whole:
        answered += 1
    else:
        refused += 1
        time.sleep(1)
    print(f"{answered} answered, {refused} refused or broken", flush=True)
