"""Draw how soon cheats are convicted: figure.py REPORT > figure.svg

REPORT is what `vision checker eval --json` printed. For each cheat at
temperature 0 a line shows the share of miners convicted after so many tokens.
"""

import json
import math
import sys

PERCENTILES = [1, 5, 10, 25, 50, 75, 90, 95, 99]
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 380, 52, 16, 150, 44
FROM, TO = 8, 20_000  # tokens
LEFT_OUT = [",", "by 2 bits", "(Q4_0)", "fine-tuned", "temperature"]  # labels with these: lines that lie upon others
COLOURS = ["#1b6ca8", "#c8553d", "#3a7d44", "#8e5ea2", "#b58900", "#5c6b73", "#d33682", "#2aa198"]


def x(tokens: float) -> float:
    share = math.log(tokens / FROM) / math.log(TO / FROM)
    return round(LEFT + min(max(share, 0), 1) * (WIDTH - LEFT - RIGHT), 1)


def y(share: float) -> float:
    return round(TOP + (1 - share) * (HEIGHT - TOP - BOTTOM), 1)


def text(left: float, top: float, said: str, anchor: str = "middle", colour: str = "#333") -> str:
    return f'<text x="{left}" y="{top}" text-anchor="{anchor}" fill="{colour}">{said}</text>'


def figure(mode: dict) -> str:
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
    ]
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts.append(f'<path d="M{LEFT} {y(share)}H{WIDTH - RIGHT}" stroke="#ddd"/>{text(LEFT - 6, y(share) + 4, f"{share:.0%}", "end")}')
    for tokens in (8, 32, 64, 200, 600, 2000, 8000, 20000):
        parts.append(f'<path d="M{x(tokens)} {y(1)}V{y(0)}" stroke="#eee"/>{text(x(tokens), y(0) + 16, f"{tokens:,}")}')
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, "tokens of evidence at temperature 0"))
    shown = [c for c in mode["classes"] if not any(part in c["label"] for part in LEFT_OUT)]
    order = sorted(shown, key=lambda c: [q or math.inf for q in c["tokens_to_convict_percentiles"]][4])
    for i, c in enumerate(order):
        colour = COLOURS[i % len(COLOURS)]
        dash = ' stroke-dasharray="5 3"' if i >= len(COLOURS) else ""
        points = [(x(q), y(p / 100)) for p, q in zip(PERCENTILES, c["tokens_to_convict_percentiles"]) if q]
        if points:
            line = "L".join(f"{a} {b}" for a, b in points)
            parts.append(f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        top = TOP + 12 + 18 * i
        parts.append(f'<path d="M{WIDTH - RIGHT + 12} {top - 4}h18" stroke="{colour}" stroke-width="2"{dash}/>')
        parts.append(text(WIDTH - RIGHT + 36, top, c["label"], "start", colour))
    return "\n".join([*parts, "</svg>"])


def main() -> None:
    with open(sys.argv[1]) as file:
        modes = json.load(file)["modes"]
    print(figure(next(m for m in modes if m["name"] == "T = 0")))


if __name__ == "__main__":
    main()
