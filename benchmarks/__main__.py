"""`python -m benchmarks [NAME …] [--json] [--quick]`: a line for each figure; exit 1 names what falls short."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence

from benchmarks import move, resources
from benchmarks.measure import NORMAL, QUICK, Figure, Size

BENCHMARKS: dict[str, Callable[[Size], Iterable[Figure]]] = {
    "move": move.figures,
    "resources": resources.figures,
}


def line(figure: Figure) -> str:
    """The figure, its spread and its bound, for people."""
    bound = f"at least {figure.at_least:g}" if figure.at_least is not None else "no bound"
    bound = f"at most {figure.at_most:g}" if figure.at_most is not None else bound
    spread = f"{min(figure.values):.3g} to {max(figure.values):.3g} in {len(figure.values)}"
    value = f"{figure.value:.3g}{figure.unit and ' ' + figure.unit}"
    return f"{'ok   ' if figure.holds else 'SHORT'} {figure.name:<22} {value:<10} ({spread}; {bound})  {figure.what}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the named benchmarks, all without a name; 1 where a figure does not keep its bound."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object")
    parser.add_argument("--quick", action="store_true", help="only show that each runs; figures mean nothing")
    given = parser.parse_args(arguments)
    found: list[Figure] = []
    for name in given.names or BENCHMARKS:
        for figure in BENCHMARKS[name](QUICK if given.quick else NORMAL):
            found.append(figure)
            print(line(figure), file=sys.stderr if given.json else sys.stdout, flush=True)
    short = [figure.name for figure in found if not figure.holds]
    if given.json:
        print(json.dumps({"figures": [figure.as_json() for figure in found], "short": short}))
    elif short:
        print(f"falls short: {', '.join(short)}")
    return 1 if short and not given.quick else 0


if __name__ == "__main__":
    sys.exit(main())
