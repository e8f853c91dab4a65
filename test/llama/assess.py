"""Judge the scores of a devnet on a real model server.

    assess.py SCORES HOTKEYS            whether there is enough evidence yet: exit code 0 or 1
    assess.py SCORES HOTKEYS --verdict  print the table; fail unless honesty pays

SCORES is the output of `vision scores --json`, HOTKEYS the folder in which the
devnet keeps a hotkey file for each miner, named after what it is: honest-1, …
and the names of cheats. Enough evidence is two scored periods, and checks of
every miner, or failures where no answer could be checked.
"""

import json
import pathlib
import sys

PERIODS = 2
CHECKS = 5
HONEST = 0.9  # mean quality that honest miners must exceed


def read(scores: str, hotkeys: str):
    report = json.loads(pathlib.Path(scores).read_text())
    names = {json.loads(f.read_text())["ss58Address"]: f.name for f in pathlib.Path(hotkeys).iterdir()}
    miners = {}
    for m in report["miners"]:
        task = m["tasks"][0] if m["tasks"] else None
        miners[names[m["hotkey"]]] = {
            "checks": checked(task) if task else 0,
            "quality": task["quality"]["mean"] if task else 0.0,
            "period": task["period_score"] if task else 0.0,
            "weight": m["weight"],
        }
    return report, miners


def checked(task) -> int:
    """Answers checked. A conviction takes a miner's checks out of its quality, which is then 0, but not out of the judgement."""
    return max(task["quality"]["checks"], task.get("judgement", {}).get("checked", 0))


def enough(report, miners) -> bool:
    return report["scored_period"] >= PERIODS and bool(miners) and all(m["checks"] >= CHECKS for m in miners.values())


def verdict(report, miners) -> list[str]:
    wrong = []
    honest = {n: m for n, m in miners.items() if n.startswith("honest")}
    cheats = {n: m for n, m in miners.items() if not n.startswith("honest")}
    if len(honest) < 2 or not cheats:
        wrong.append(f"want at least two honest miners and a cheat, got {sorted(miners)}")
    if report["scored_period"] < PERIODS:
        wrong.append(f"{report['scored_period']} periods were scored, want {PERIODS}")
    for name, m in miners.items():
        if m["checks"] < CHECKS:
            wrong.append(f"{name}: {m['checks']} answers were checked, want at least {CHECKS}")
    for name, m in honest.items():
        if not m["quality"] > HONEST:
            wrong.append(f"{name}: mean quality is {m['quality']:.3f}, want above {HONEST}")
    for name, m in cheats.items():
        least = min((h["quality"] for h in honest.values()), default=0)
        if not m["quality"] < least:
            wrong.append(f"{name}: mean quality is {m['quality']:.3f}, want below every honest miner's (the least is {least:.3f})")
    return wrong


def main() -> None:
    report, miners = read(sys.argv[1], sys.argv[2])
    if len(sys.argv) == 3:
        sys.exit(0 if enough(report, miners) else 1)
    print(f"after {report['scored_period']} scored periods:")
    print(f"  {'miner':<12} {'checks':>6} {'quality':>8} {'period':>7} {'weight':>7}")
    for name, m in sorted(miners.items(), key=lambda item: -item[1]["quality"]):
        print(f"  {name:<12} {m['checks']:>6} {m['quality']:>8.3f} {m['period']:>7.3f} {m['weight']:>7.3f}")
    wrong = verdict(report, miners)
    for line in wrong:
        print(f"FAILED: {line}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
