"""The structure of the public sets of veitelser/boolearn, and the accuracy of `learn` on them.

    git clone https://github.com/veitelser/boolearn
    python benchmarks/public_sets.py boolearn/boolearn/machinelearnable boolearn [--samples 256] [--markdown]

Files `.dat` whose outputs equal their inputs are autoencoding tasks. The program prints for each set:

- free: bits that determine all others by exclusive ors (the rank over GF(2) of the patterns);
- checks: constant bits, and sets of two, three and four bits whose exclusive or is constant, in all patterns;
- Roman: whether the patterns are the Roman numerals from 1 on, one letter after the other;
- learnt: `learn` gets the free bits of some patterns and their other bits; accuracy of these bits in all other
  patterns, and cells of the circuit.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import btfsynth as btf
from btfsynth.errors import percent

Bits = NDArray[np.uint8]

_VALUES = (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1)
_WORDS = ("M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I")
_MAX_TRIPLES_OF = 128
"""Bits of which all sets of three and four are looked at."""


def free_bits(patterns: Bits) -> list[int]:
    """Return the bits that determine all others by exclusive ors and complements: the pivots of elimination."""
    rows = np.unique(patterns ^ patterns[0], axis=0)
    found: list[int] = []
    for column in range(rows.shape[1]):
        below = rows[len(found) :]
        hits = np.flatnonzero(below[:, column])
        if not len(hits):
            continue
        pivot = below[hits[0]].copy()
        below[hits[0]] = below[0]
        below[0] = pivot
        rest = below[1:]
        rest[rest[:, column] == 1] ^= pivot
        found.append(column)
    return found


def checks(patterns: Bits) -> tuple[int, int, int, int]:
    """Return how many bits are constant, and how many sets of 2, 3 and 4 others have a constant exclusive or.

    Bits that repeat an earlier one or its complement are looked at in pairs only.
    """
    constant = patterns.min(axis=0) == patterns.max(axis=0)
    varied = (patterns ^ patterns[0]).T[~constant]
    keys = {
        row.tobytes(): None for row in varied
    }  # equal up to a complement: equal to the first pattern
    pairs = len(varied) - len(keys)
    random = np.random.default_rng(1)
    # Each bit gets a word of 62 random sums of patterns; sums of words then tell sums of bits.
    kept = np.array([np.frombuffer(key, np.uint8) for key in keys])[:_MAX_TRIPLES_OF]
    mixed = kept.astype(np.int64) @ random.integers(0, 2, (kept.shape[1], 62)) & 1
    words = (mixed << np.arange(62)).sum(axis=1).tolist()
    known = set(words)
    sums: dict[int, int] = {}
    triples = fours = 0
    for one, two in itertools.combinations(words, 2):
        triples += one ^ two in known
        fours += sums.get(one ^ two, 0)
        sums[one ^ two] = sums.get(one ^ two, 0) + 1
    return int(constant.sum()), pairs, triples // 3, fours // 3


def numeral(number: int) -> str:
    words = []
    for value, word in zip(_VALUES, _WORDS, strict=True):
        count, number = divmod(number, value)
        words.append(word * count)
    return "".join(words)


def roman(patterns: Bits) -> str | None:
    """Return how the patterns write the Roman numerals from 1 on, None if they do not.

    All letters have the same number of bits; every assignment of the codes seen to letters is tried.
    """
    wanted = [numeral(number) for number in range(1, len(patterns) + 1)]
    longest = max(map(len, wanted))
    width, rest = divmod(patterns.shape[1], longest)
    if rest or not width:
        return None
    codes = patterns.reshape(len(patterns), longest, width) @ (1 << np.arange(width)[::-1])
    texts = {tuple(each for each in row if each) for row in codes.tolist()}
    used = sorted({code for text in texts for code in text})
    letters = sorted(set("".join(wanted)))
    if len(used) != len(letters):
        return None
    short = {text for text in texts if len(text) <= 3}
    wanted_short = {text for text in wanted if len(text) <= 3}
    for order in itertools.permutations(letters):
        told = dict(zip(used, order, strict=True))
        if {"".join(told[each] for each in text) for text in short} != wanted_short:
            continue
        if sorted("".join(told[each] for each in text) for text in texts) == sorted(wanted):
            named = ", ".join(f"{told[code]} {code:0{width}b}" for code in used)
            return f"1 to {len(wanted)}, {longest} letters of {width} bits: {named}"
    return None


def learnt(patterns: Bits, free: list[int], samples: int) -> tuple[float, int, float]:
    """Learn the other bits from the free ones; return the share right in other patterns, cells and seconds."""
    others = [bit for bit in range(patterns.shape[1]) if bit not in set(free)]
    order = np.random.default_rng(1).permutation(len(patterns))
    part, rest = patterns[order[:samples]], patterns[order[samples:]]
    sets = [btf.Dataset(each[:, free], each[:, others]) for each in (part, rest)]
    begin = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        found = btf.learn(
            sets[0],
            folder,
            test=sets[1],
            trials=1,
            learners=["polynomial"],
            baselines=False,
            simulators=["parsed_verilog"],
            passes="light",
        )
    return found.scores["test"].bits, found.netlist.cells, time.process_time() - begin


def read(path: Path) -> Bits | None:
    """Return the patterns of a set whose outputs equal its inputs, None of another file."""
    data = btf.load(path)
    inputs = np.asarray(data.X)
    if inputs.dtype != np.uint8 or not np.array_equal(inputs, data.y):
        return None
    return np.ascontiguousarray(inputs)


HEAD = ("set", "patterns", "bits", "free", "checks of 1, 2, 3, 4 bits", "learnt", "cells", "CPU s")


def rows(folders: list[Path], samples: int) -> Iterator[tuple[str, ...]]:
    """Yield a line for each set, and one for what is behind it if that is known."""
    for path in sorted(path for folder in folders for path in folder.glob("*.dat")):
        patterns = read(path)
        if patterns is None:
            continue
        free = free_bits(patterns)
        numerals = roman(patterns)
        bits, cells, seconds = learnt(patterns, free, min(samples, len(patterns) // 2))
        yield (
            path.name,
            str(len(patterns)),
            str(patterns.shape[1]),
            str(len(free)),
            ", ".join(map(str, checks(patterns))),
            percent(bits),
            str(cells),
            f"{seconds:.0f}",
        )
        if numerals:
            yield (f"{path.name}: Roman numerals {numerals}",)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--samples", type=int, default=256, help="patterns to learn from")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    missing = next((each for each in options.folders if not list(each.glob("*.dat"))), None)
    if missing is not None:
        parser.error(f"{missing}: expected a folder with .dat files")
    if options.markdown:
        print(f"| {' | '.join(HEAD)} |\n| {' | '.join(['---'] * len(HEAD))} |", flush=True)
    else:
        print("  ".join(HEAD), flush=True)
    for row in rows(options.folders, options.samples):
        alone = not options.markdown or len(row) == 1
        print("  ".join(row) if alone else f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
