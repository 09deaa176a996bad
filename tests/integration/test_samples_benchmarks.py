"""The programs for hidden circuits and for the authors' public sets: what they say of known data."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def program(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_bits_and_checks():
    """Two free bits, a copy, a complement, an exclusive or, a constant, and two more free bits."""
    sets = program("public_sets")
    random = np.random.default_rng(1)
    a, b, c, d = random.integers(0, 2, (4, 60), dtype=np.uint8)
    zero = np.zeros_like(a)
    patterns = np.stack([a, b, a, 1 - b, a ^ b, zero, c, d, a ^ c ^ d], axis=1)
    assert sets.free_bits(patterns) == [0, 1, 6, 7]
    # a b (a^b), then a c d (a^c^d) and b (a^b) c d (a^c^d)
    assert sets.checks(patterns) == (1, 2, 1, 1)
    assert sets.checks(patterns[:, [0, 1, 6, 7]]) == (0, 0, 0, 0)


def test_roman_numerals():
    """1 to 30 in codes of two bits are found, in any order; with one numeral changed they are not."""
    sets = program("public_sets")
    codes = {"I": (0, 1), "V": (1, 0), "X": (1, 1)}
    words = [sets.numeral(number) for number in range(1, 31)]
    assert words[3::10] == ["IV", "XIV", "XXIV"]
    longest = max(map(len, words))
    rows = [sum((codes[letter] for letter in word), ()) for word in words]
    patterns = np.array([row + (0, 0) * (longest - len(row) // 2) for row in rows], np.uint8)
    shuffled = np.random.default_rng(2).permutation(patterns)
    assert sets.roman(shuffled) == f"1 to 30, {longest} letters of 2 bits: I 01, V 10, X 11"
    shuffled[0, 0] ^= 1
    assert sets.roman(shuffled) is None


def test_table_of_hidden_circuits():
    """Medians, circuits proven whole with Wilson's interval, and baselines of fewer circuits."""
    samples = program("samples")
    row = {"family": "and_or", "samples": "64", "outputs": "32", "seconds": "9"}
    own = [
        row | {"method": "circuit", "bits": bits, "whole": whole, "proven": proven}
        for bits, whole, proven in (("0.98", "0", "28"), ("1.0", "1", "32"), ("0.99", "0", "30"))
    ]
    other = [row | {"method": "adamw", "bits": "0.9", "whole": "0", "proven": ""}]
    (line,) = samples.summary([*other, *own])
    assert line[:3] == ("random AND/OR, 3 layers of 32", "64", "99.00% (98.00% to 100%)")
    assert line[3:6] == ("1 of 3", "6% to 79%", "30 of 32")
    assert line[6:] == ("90.00% (1 circuit)", "-", "-", "9, 9, -, -")


def test_settings_are_chosen_without_the_test_set(monkeypatch):
    """The setting that is best on a quarter of the samples is fitted to all of them."""
    samples = program("samples")
    calls = []

    def fit(train, test, hidden, seed, setting):
        calls.append((train.n_patterns, test.n_patterns, setting["features"]))
        return {"sqrt": 0.5, 0.5: 0.75}[setting["features"]]

    monkeypatch.setattr(samples, "forest", fit)
    row = samples.baseline("forest", "rule30", 64, 1)
    assert calls == [(48, 16, "sqrt"), (48, 16, 0.5), (64, 2048, 0.5)]
    assert (row["bits"], row["whole"], row["setting"]) == (0.75, 0, "features=0.5")
