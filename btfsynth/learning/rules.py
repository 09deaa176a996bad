"""Rules: a few conjunctions, any of which makes the output true.

Rules are found one by one; each covers samples where the output is true, and few or no others (sequential
covering, AQ and CN2; P. Clark and T. Niblett, Machine Learning 3, 261, 1989). A rule grows literal by literal
from the empty conjunction; a few grow at a time, those with the largest weighted relative accuracy (N. Lavrac,
P. Flach and B. Zupan, ILP 1999). Of all rules seen, the one with the largest share of true samples is selected,
as an m-estimate (B. Cestnik, ECAI 1990): `m` samples of the average mixture are added to those that a rule
covers, so among pure rules the one that covers more wins. A small `m` suits exact functions, a larger one
noise; both are tried.

Early rules are found without knowledge of later ones. So every rule is searched for again on the samples that
the others do not cover (as in W. Cohen's RIPPER, ICML 1995), and a rule without samples of its own is removed.
The same is done for the complement of the output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import plural
from btfsynth.learning.base import Budget, Fit, Problem, Samples, new_builder
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.simulation import count_ones, valid_words

Words = NDArray[np.uint64]
Rule = tuple[int, ...]
"""Ascending literals: twice the number of the input, plus one if it is complemented."""

_MAX_LITERALS = 8
_MAX_RULES = 40
_LEAST = 2
"""Minimum samples that only this rule covers."""
_DOUBTS = (2.0, 8.0)
"""Values of `m`."""
_ROUNDS = 2
_BEAM = 16
_WORK = 1_000_000
"""Approximate words read by one step of a search: with more literals and samples, fewer rules grow at once."""
_FRONT = 6
"""Maximum number of different rule counts that are built."""


@dataclass(frozen=True, eq=False)
class _Search:
    """The samples in which rules are searched for."""

    literals: Words  # (literals, words) uint64, on which samples each is true
    on: Words  # (words,) uint64, the samples that are to be covered
    off: Words
    doubt: float
    budget: Budget

    def covered(self, rule: Rule) -> Words:
        words: Words = np.bitwise_and.reduce(self.literals[list(rule)], axis=0)
        return words

    def others(self, rules: list[Rule], place: int) -> Words:
        """Return the samples covered by all rules except one."""
        words = np.zeros_like(self.on)
        for each, rule in enumerate(rules):
            if each != place:
                words |= self.covered(rule)
        return words

    def best_rule(self, wanted: Words) -> Rule | None:
        """Return the rule with the largest share of wanted samples among those it covers, as estimated."""
        beam = min(_BEAM, max(2, _WORK // self.literals.size))
        rules: list[Rule] = [()]
        words = (self.on | self.off)[None, :]
        n_wanted, n_off = count_ones(wanted), count_ones(self.off)
        usual = self.doubt * n_wanted / (n_wanted + n_off)
        best, most = None, -1.0
        for _ in range(_MAX_LITERALS):
            right, wrong = _covered_counts(words, self.literals, wanted, self.off)
            share = (right + usual) / (right + wrong + self.doubt)
            rule, literal = divmod(int(share.argmax()), len(self.literals))
            if share[rule, literal] > most:
                most, best = float(share[rule, literal]), tuple(sorted({*rules[rule], literal}))
            gain = np.where(wrong > 0, right * n_off - wrong * n_wanted, 0)
            grown = _grown(rules, gain, beam)
            if not grown or self.budget.over():
                break
            words = np.stack([words[rule] & self.literals[literal] for rule, literal in grown])
            rules = [tuple(sorted((*rules[rule], literal))) for rule, literal in grown]
        return best


def _grown(rules: list[Rule], gain: NDArray[np.int64], beam: int) -> list[tuple[int, int]]:
    """Return which rules grow by which literals; ``(rules, literals)`` int64 are the gains."""
    found: dict[frozenset[int], tuple[int, int]] = {}
    order = np.argsort(-gain, axis=None, kind="stable")
    for place in order[: 8 * beam].tolist():
        rule, literal = divmod(place, gain.shape[1])
        if gain[rule, literal] <= 0 or len(found) == beam:
            break
        if literal not in rules[rule] and literal ^ 1 not in rules[rule]:
            found.setdefault(frozenset((*rules[rule], literal)), (rule, literal))
    return list(found.values())


@numba.njit(cache=True, nogil=True)
def _ones(word: Any) -> Any:
    """Return the number of bits set in a uint64 word."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    pairs = np.uint64(0x3333333333333333)
    word = (word & pairs) + ((word >> np.uint64(2)) & pairs)
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@numba.njit(cache=True, nogil=True)
def _covered_counts(words: Any, literals: Any, wanted: Any, off: Any) -> Any:
    """Count the wanted and the other samples that each rule covers with one more literal.

    `words` ``(rules, words)``, `literals` ``(literals, words)``, `wanted` and `off` ``(words,)``, all uint64;
    returns two arrays ``(rules, literals)`` int64.
    """
    shape = (words.shape[0], literals.shape[0])
    right, wrong = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for rule in range(shape[0]):
        for literal in range(shape[1]):
            for k in range(words.shape[1]):
                covered = words[rule, k] & literals[literal, k]
                right[rule, literal] += _ones(covered & wanted[k])
                wrong[rule, literal] += _ones(covered & off[k])
    return right, wrong


def find_rules(samples: Samples, value: bool, doubt: float, budget: Budget) -> list[Rule]:
    """Return rules for the samples whose output is `value`, those with the most samples of their own first."""
    inputs = samples.input_words
    literals = np.stack([inputs, ~inputs & valid_words(samples.count)], axis=1)
    on, off = samples.on_words, ~samples.on_words & valid_words(samples.count)
    if not on.any() or not off.any():
        return []
    if not value:
        on, off = off, on
    literals = np.ascontiguousarray(literals.reshape(-1, inputs.shape[1]))
    search = _Search(literals, on, off, doubt, budget)
    return _sorted(search, _improved(search, _cover(search)))


def _cover(search: _Search) -> list[Rule]:
    """Return rules found one by one, until no further rule covers enough samples."""
    rules: list[Rule] = []
    left = search.on.copy()
    while count_ones(left) >= _LEAST and len(rules) < _MAX_RULES and not search.budget.over():
        rule = search.best_rule(left)
        if rule is None or count_ones(search.covered(rule) & left) < _LEAST:
            break
        rules.append(rule)
        left &= ~search.covered(rule)
    return rules


def _improved(search: _Search, rules: list[Rule]) -> list[Rule]:
    """Return the rules, each looked for again while the others stay."""
    rules = list(rules)
    for _ in range(_ROUNDS):
        before = list(rules)
        for place in reversed(range(len(rules))):
            others = search.others(rules, place)
            left = search.on & ~others
            if count_ones(left & search.covered(rules[place])) < _LEAST:
                del rules[place]
                continue
            found = None if search.budget.over() else search.best_rule(left)
            key = _mistakes(search, others)
            if found is not None and key(found) < key(rules[place]):
                rules[place] = found
        if rules == before:
            break
    return rules


def _mistakes(search: _Search, others: Words) -> Callable[[Rule], tuple[int, int]]:
    """Return a sort key for rules: the number of errors given the other rules, and of literals."""

    def key(rule: Rule) -> tuple[int, int]:
        covered = search.covered(rule) & ~others
        missed = search.on & ~others & ~covered
        return count_ones(missed) + count_ones(search.off & covered), len(rule)

    return key


def _sorted(search: _Search, rules: list[Rule]) -> list[Rule]:
    """Return rules ordered so that each adds the most samples, without those that add too few."""
    left, rest, found = search.on.copy(), list(rules), []
    while rest:
        best = max(rest, key=lambda rule: count_ones(search.covered(rule) & left))
        if count_ones(search.covered(best) & left) < _LEAST:
            break
        found.append(best)
        rest.remove(best)
        left &= ~search.covered(best)
    return found


class RulesLearner:
    """Fit rules for the output and for its complement, as many as are best on the validation samples."""

    name: ClassVar[str] = "rules"

    def fit(self, problem: Problem) -> Iterator[Fit]:
        for value, doubt in product((True, False), _DOUBTS):
            if problem.budget.over():
                return
            rules = find_rules(problem.train, value, doubt, problem.budget)
            for count in _numbers(rules, value, problem.valid):
                builder = new_builder(problem)
                literal = _any(builder, [_all(builder, rule) for rule in rules[:count]])
                n_literals = sum(map(len, rules[:count]))
                how = f"{plural(count, 'rule')} for {int(value)}, {plural(n_literals, 'literal')}"
                yield Fit(self.name, how, builder.build([literal if value else literal ^ 1]))


def _numbers(rules: list[Rule], value: bool, valid: Samples) -> list[int]:
    """Return the numbers of rules that are correct on more validation samples than any smaller number."""
    found, best = [], -1
    output = np.zeros(valid.count, dtype=np.bool_)
    for count, rule in enumerate(rules, 1):
        fires = np.ones(valid.count, dtype=np.bool_)
        for literal in rule:
            fires &= valid.inputs[:, literal >> 1] != (literal & 1)
        output |= fires
        right = int(((output if value else ~output) == valid.on).sum())
        if right > best:
            best = right
            found.append(count)
    return found[-_FRONT:]


def _all(builder: NetlistBuilder, rule: Rule) -> int:
    return _joined([builder.input(each >> 1) ^ (each & 1) for each in rule], builder.and_)


def _any(builder: NetlistBuilder, literals: list[int]) -> int:
    return _joined(literals, builder.or_)


def _joined(literals: list[int], join: Callable[[int, int], int]) -> int:
    """Join literals as a balanced tree."""
    while len(literals) > 1:
        pairs = zip(literals[::2], literals[1::2], strict=False)
        rest = literals[-1:] if len(literals) % 2 else []
        literals = [*(join(a, b) for a, b in pairs), *rest]
    return literals[0]
