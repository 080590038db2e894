"""`make fuzz`: generated inputs through every parser, generated networks through emission; findings are written down.

    python -m benchmarks.fuzz                          1,000,000 inputs and 10,000 networks, as the figure asks
    python -m benchmarks.fuzz --seconds 60             what fits into a minute
    python -m benchmarks.fuzz --replay FILE            one finding again, with its traceback
    python -m benchmarks.fuzz --plant                  faults planted into parsers and emission: each has to be found

A run that was stopped goes on where it was. The exit status is 1 if there is a finding.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.fuzz import guided, planted, targets
from benchmarks.fuzz.runs import Finding, Tally, prepare

INPUTS, NETWORKS, CHUNK, CHUNK_OF_NETWORKS = 1_000_000, 10_000, 1000, 20
FOLDER = Path("out/fuzz")


def main() -> int:
    given = _arguments()
    if given.replay:
        return targets.replay(given.replay)
    if given.plant:
        return planted.check()
    folder = Path(given.folder)
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    guide = guided.start(folder, given.seconds or given.guided) if given.guided else None
    total = run(folder, given.seed, given.inputs, given.networks, given.jobs, given.seconds, given.only)
    total |= guided.collect(guide, folder) if guide else {}
    print(_summary(total, time.monotonic() - started))
    findings = [finding for tally in total.values() for finding in tally.findings]
    for number, finding in enumerate(findings):
        path = folder / f"finding_{finding.target}_{finding.index}.json"
        path.write_text(json.dumps({**asdict(finding), "seed": given.seed}, indent=1), encoding="utf-8")
        if number < 20:
            print(f"{path}: {finding.what}: {finding.detail.strip().splitlines()[-1] if finding.detail else ''}"[:300])
    return 1 if findings else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=INPUTS, help=f"through the parsers  [{INPUTS}]")
    parser.add_argument("--networks", type=int, default=NETWORKS, help=f"through emission  [{NETWORKS}]")
    parser.add_argument("--seconds", type=float, default=0, help="stop after so many  [when all is done]")
    parser.add_argument(
        "--guided", type=float, default=0, help="seconds of coverage-guided fuzzing beside it (atheris)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", nargs="*", default=[], help="targets")
    parser.add_argument("--folder", default=str(FOLDER), help=f"for findings, and to go on  [{FOLDER}]")
    parser.add_argument("--replay", metavar="FILE.json")
    parser.add_argument("--plant", action="store_true")
    return parser.parse_args()


def _chunks(inputs: int, networks: int, only: list[str]) -> list[tuple[str, int, int]]:
    """(target, from, to) in an order that mixes the targets, so that a short run sees all of them."""
    shares = targets.shares(inputs, networks)
    wanted = {name: n for name, n in shares.items() if not only or name in only}
    size = {name: CHUNK_OF_NETWORKS if name in targets.SLOW else CHUNK for name in wanted}
    parts = {name: [(name, i, min(i + size[name], n)) for i in range(0, n, size[name])] for name, n in wanted.items()}
    placed = [((k + 0.5) / len(own), chunk) for own in parts.values() for k, chunk in enumerate(own)]
    return [chunk for _, chunk in sorted(placed)]


def run(
    folder: Path, seed: int, inputs: int, networks: int, jobs: int, seconds: float, only: list[str]
) -> dict[str, Tally]:
    """All chunks that are not done yet, on all cores."""
    log = folder / f"done_{seed}.jsonl"
    total: dict[str, Tally] = {}
    done = set()
    for entry in _read(log):
        if (entry["chunk"][0] in only or not only) and tuple(entry["chunk"]) not in done:
            done.add(tuple(entry["chunk"]))
            _add(total, entry)
    left = iter([chunk for chunk in _chunks(inputs, networks, only) if chunk not in done])
    started, last = time.monotonic(), 0.0
    with ProcessPoolExecutor(jobs, initializer=prepare) as pool, log.open("a", encoding="utf-8") as out:
        waiting: dict[Future[dict[str, Any]], tuple[str, int, int]] = {}
        while True:
            while len(waiting) < 2 * jobs and not (seconds and time.monotonic() - started > seconds):
                chunk = next(left, None)
                if chunk is None:
                    break
                waiting[pool.submit(targets.work, seed, *chunk)] = chunk
            if not waiting:
                return total
            finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in finished:
                chunk = waiting.pop(future)
                try:
                    entry = future.result()
                except BrokenProcessPool:
                    lost = [chunk, *waiting.values()]
                    detail = f"a process died in one of {lost}"
                    total.setdefault(chunk[0], Tally()).findings.append(Finding(chunk[0], chunk[1], "died", "", detail))
                    return total
                out.write(json.dumps(entry) + "\n")
                out.flush()
                _add(total, entry)
            if time.monotonic() - last > 10:
                last = time.monotonic()
                print(_progress(total, last - started), file=sys.stderr, flush=True)


def _read(log: Path) -> Iterator[dict[str, Any]]:
    if log.exists():
        for line in log.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except ValueError:  # the line that a stopped run left half
                continue


def _add(total: dict[str, Tally], entry: dict[str, Any]) -> None:
    found = [Finding(**finding) for finding in entry["findings"]]
    tally = Tally(Counter(entry["counts"]), found, entry["slowest"], entry["seconds"])
    total.setdefault(entry["chunk"][0], Tally()).add(tally)


def _progress(total: dict[str, Tally], seconds: float) -> str:
    parsed = sum(sum(t.counts.values()) for name, t in total.items() if name not in targets.SLOW)
    emitted = sum(sum(t.counts.values()) for name, t in total.items() if name in targets.SLOW)
    findings = sum(len(t.findings) for t in total.values())
    return f"{seconds:6.0f} s  {parsed:9,} inputs  {emitted:6,} networks  {findings} findings"


def _summary(total: dict[str, Tally], seconds: float) -> str:
    lines = [
        f"{'target':16} {'inputs':>9} {'accepted':>9} {'refused':>9} {'findings':>8} {'mean ms':>8} {'slowest s':>9}"
    ]
    for name, tally in total.items():
        count = sum(tally.counts.values())
        good = tally.counts["accepted"] + tally.counts["compared"]
        refused = tally.counts["refused"] + tally.counts["no finite loss to compare"]
        mean = 1000 * tally.seconds / max(count, 1)
        lines.append(
            f"{name:16} {count:9,} {good:9,} {refused:9,} {len(tally.findings):8} {mean:8.2f} {tally.slowest:9.2f}"
        )
    lines.append(_progress(total, seconds).strip())
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        traceback.print_exc(limit=1)
        sys.exit(130)
