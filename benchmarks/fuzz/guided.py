"""Coverage-guided fuzzing with atheris: in a process of its own, which libFuzzer takes over.

    python -m benchmarks.fuzz --guided 60

The first byte of an input chooses the parser, or emission: then the others say which network is drawn. derive itself is
instrumented, SymPy is not.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.fuzz.runs import Finding, Tally

EMISSION = 255
"""The first byte of an input that is a network."""
LEFT_OUT = ("module",)
"""Parsers of long programs, where coverage of derive says little; as it does of archives, which are left out too."""


def start(folder: Path, seconds: float) -> subprocess.Popen[str] | None:
    """The fuzzing process; None, with a word about it, if atheris is not installed."""
    if find_spec("atheris") is None:
        print(
            "atheris is not installed: no coverage-guided fuzzing; pip install 'derive[fuzz]' brings it",
            file=sys.stderr,
        )
        return None
    command = [sys.executable, "-m", "benchmarks.fuzz.guided", str(folder), str(int(seconds))]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def collect(process: subprocess.Popen[str] | None, folder: Path) -> dict[str, Tally]:
    """What the process found, when it has ended."""
    if process is None:
        return {}
    _, log = process.communicate()
    (folder / "guided.log").write_text(log, encoding="utf-8")
    done = re.findall(r"^#(\d+)", log, re.MULTILINE) or re.findall(r"Done (\d+) runs", log)
    tally = Tally(Counter({"accepted or refused": int(done[-1]) if done else 0}))
    found = folder / "guided.json"
    if found.exists():
        tally.findings.append(Finding(**json.loads(found.read_text(encoding="utf-8"))))
    elif process.returncode:
        tally.findings.append(Finding("guided", 0, "died", "", log[-2000:]))
    return {"guided": tally}


def main(folder: Path, seconds: str) -> None:
    import atheris

    with atheris.instrument_imports(include=["derive"]):
        from benchmarks.fuzz import networks
        from benchmarks.fuzz.parsers import PARSERS
        from benchmarks.fuzz.runs import attempt, prepare
    prepare()
    names = [name for name in PARSERS if name not in LEFT_OUT and not PARSERS[name].binary]
    seeds = folder / "guided_seeds"
    seeds.mkdir(parents=True, exist_ok=True)
    for position, name in enumerate(names):
        for number, seed in enumerate(PARSERS[name].seeds()):
            (seeds / f"{name}_{number}").write_bytes(bytes([position]) + seed.encode("utf-8"))
    for number in range(20):
        (seeds / f"emission_{number}").write_bytes(bytes([EMISSION]) + random.Random(number).randbytes(120))

    def one(data: bytes) -> Any:
        if not data:
            return
        tally = Tally()
        if data[0] == EMISSION:
            attempt(
                "emission",
                0,
                data[1:],
                lambda script: networks.checked(networks.network(networks.Scripted(script))),
                tally,
            )
        else:
            name = names[data[0] % len(names)]
            attempt(name, 0, data[1:].decode("utf-8", "replace"), PARSERS[name].read, tally)
        for finding in tally.findings:
            (folder / "guided.json").write_text(json.dumps(vars(finding)), encoding="utf-8")
            raise AssertionError(finding.what)

    options = [f"-max_total_time={seconds}", "-max_len=8000", "-rss_limit_mb=0", "-timeout=120", str(seeds)]
    atheris.Setup([sys.argv[0], *options], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
