"""Runs the scenarios of one client of the API, and says how each went.

A client's suite is a table: functions marked with @scenario("name"), run in
their order, each bounded in time, one line of output each:

    ok      0.4 s  openai-python   streams

Where the devnet is comes from the environment: VISION_API, VISION_KEY,
VISION_METRICS, and VISION_LIMITED_KEY with its VISION_LIMIT of requests a minute.
Some clients have keys with other limits: VISION_POOR_KEY, whose project has
little money; VISION_CAPPED_KEY, which may spend little; VISION_SINGLE_KEY, for
one request at once; VISION_METERED_KEY, for 250 tokens a minute; and
VISION_SCOPED_KEY, for embeddings alone.
"""

import os
import signal
import struct
import sys
import time
import traceback
import urllib.request
import zlib
from concurrent.futures import ThreadPoolExecutor

API, KEY = os.environ["VISION_API"], os.environ["VISION_KEY"]
LIMITED_KEY, LIMIT = os.environ["VISION_LIMITED_KEY"], int(os.environ["VISION_LIMIT"])
CHAT, COMPLETION, IMAGE, EMBED = "vision-ref-chat", "vision-ref-completion", "vision-ref-image", "vision-ref-embed"
EDIT, INPAINT, UPSCALE = "vision-ref-edit", "vision-ref-inpaint", "vision-ref-upscale"

RIVERS = [{"role": "user", "content": "Tell me about rivers."}]
PARIS = [{"role": "user", "content": "What is the weather in Paris?"}]
LONG = {"seed": 14, "temperature": 1.3, "max_tokens": 400}  # with these the answer to RIVERS takes over a second

WEATHER_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "The weather somewhere", "parameters": WEATHER_SCHEMA}}
FORCED = {"type": "function", "function": {"name": "get_weather"}}

# A picture of one pixel.
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SEEN = [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]}]

TIMEOUT = 300  # seconds for one scenario

_table = []


def scenario(name):
    def add(function):
        _table.append((name, function))
        return function
    return add


class TookTooLong(Exception):
    pass


def _expired(*_):
    raise TookTooLong(f"not done after {TIMEOUT} s")


def main(client):
    """Runs all scenarios, or those whose names contain one of the arguments."""
    signal.signal(signal.SIGALRM, _expired)
    failed = 0
    for name, function in _table:
        if len(sys.argv) > 1 and not any(word in name for word in sys.argv[1:]):
            continue
        start, why = time.monotonic(), ""
        signal.alarm(TIMEOUT)
        try:
            function()
        except Exception:
            why = traceback.format_exc()
            failed += 1
        finally:
            signal.alarm(0)
        print(f"{'FAILED' if why else 'ok':<6} {time.monotonic() - start:5.1f} s  {client:<17} {name}\n{why}", end="", flush=True)
    sys.stdout.flush()
    os._exit(1 if failed else 0)  # whatever threads a client left


def raises(kind, function, *args, **kwargs):
    """Gives the error of that kind that a call ends with."""
    try:
        answer = function(*args, **kwargs)
    except kind as e:
        return e
    raise AssertionError(f"no {kind.__name__}, but {answer!r}")


def metric(name, **labels):
    """Sums the gateway's metric over the series with these labels."""
    total = 0
    with urllib.request.urlopen(os.environ["VISION_METRICS"], timeout=60) as answer:
        for line in answer.read().decode().splitlines():
            series, _, value = line.rpartition(" ")
            if series.split("{")[0] == name and all(f'{k}="{v}"' in series for k, v in labels.items()):
                total += float(value)
    return total


def _canceled():
    return metric("vision_gateway_attempts_total", status="canceled", task=CHAT)


def server_notices(cancel):
    """Checks that the gateway counts as canceled what cancel breaks off. It is done
    again while it does not: an answer may by chance be short, or we slow, and it is
    over before."""
    before = _canceled()
    while True:
        cancel()
        for _ in range(20):
            if _canceled() > before:
                return
            time.sleep(0.1)


def at_once(n, function):
    """Calls function(0) to function(n - 1) at the same time and gives the results."""
    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(function, range(n)))


def until_refused(kind, call):
    """Calls until the limited key is refused, and checks when: neither before nor after its limit,
    to which time gives back what it has taken."""
    begun, passed = time.monotonic(), 0
    while True:
        try:
            call()
        except kind as e:
            assert passed >= LIMIT, f"request {passed + 1} was refused, of {LIMIT} that are allowed"
            return e
        passed += 1
        assert passed <= LIMIT * (1 + (time.monotonic() - begun) / 60), f"{passed} requests passed, {LIMIT} a minute are allowed"


def png_size(raw):
    assert raw[:8] == b"\x89PNG\r\n\x1a\n" and raw[12:16] == b"IHDR", raw[:16]
    return "%dx%d" % struct.unpack(">II", raw[16:24])


def png(side, pixel):
    """Makes a square picture of pixel(x, y) -> (red, green, blue, alpha)."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes(v for x in range(side) for v in pixel(x, y)) for y in range(side))
    head = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def picture(side):
    return png(side, lambda x, y: (x % 256, y % 256, 128, 255))


def mask(side):
    """Is transparent, to be painted, in the right half."""
    return png(side, lambda x, y: (0, 0, 0, 0 if x > side // 2 else 255))
