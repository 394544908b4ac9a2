"""`python -m benchmarks [NAME …]`: a line for each figure; exit 1 names what falls short.

Without a name all of them run. `--full` goes up to a million executions, `--docs` writes the table and the plot of
docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence

from benchmarks import calls, latency, overhead, overlap, page, rate, resources, resume, scale, store
from benchmarks.measure import FULL, NORMAL, QUICK, Figure, Size
from benchmarks.peers import compared

BENCHMARKS: dict[str, Callable[[Size], Iterable[Figure]]] = {
    "overhead": overhead.figures,
    "peers": compared.figures,
    "rate": rate.figures,
    "latency": latency.figures,
    "calls": calls.figures,
    "scale": scale.figures,
    "overlap": overlap.figures,
    "resume": resume.figures,
    "store": store.figures,
    "resources": resources.figures,
}


def line(figure: Figure) -> str:
    """The figure, its spread and its bound, for people."""
    spread = f"{min(figure.values):.3g} to {max(figure.values):.3g} in {len(figure.values)}"
    value = f"{figure.value:.3g}{figure.unit and ' ' + figure.unit}"
    state = "ok   " if figure.holds else "SHORT"
    return f"{state} {figure.name:<24} {value:<10} ({spread}; {figure.bound})  {figure.what}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the named benchmarks, all without a name; 1 where a figure does not keep its bound."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object")
    parser.add_argument("--docs", action="store_true", help="write the table and the plot of docs/performance.md")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="only show that each runs; figures mean nothing")
    size.add_argument("--full", action="store_true", help="up to a million executions")
    given = parser.parse_args(arguments)
    if given.docs and (given.names or given.quick):
        parser.error("--docs: the page has the figures of a whole run")
    found: list[Figure] = []
    for name in given.names or BENCHMARKS:
        for figure in BENCHMARKS[name](QUICK if given.quick else FULL if given.full else NORMAL):
            found.append(figure)
            print(line(figure), file=sys.stderr if given.json else sys.stdout, flush=True)
    short = [figure.name for figure in found if not figure.holds]
    if given.docs:
        page.write(found, " ".join(["python -m benchmarks", *sys.argv[1:]]))
    if given.json:
        print(json.dumps({"figures": [figure.as_json() for figure in found], "short": short}))
    elif short:
        print(f"falls short: {', '.join(short)}")
    return 1 if short and not given.quick else 0


if __name__ == "__main__":
    sys.exit(main())
