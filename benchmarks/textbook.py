"""Textbook circuits of well-known functions, with free choices made at random.

`gallery.py` begins with them. Columns of bits of one weight are added by full adders of three majorities
and half adders of three cells, in any order; sorters are made from comparators, by inserting bits or by
decoding a count; medians are the middle output of a sorter. A circuit of the same function on fewer bits can be
a part, completed in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from btfsynth.dataset.dataset import Dataset
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist

ORDERS = ("first", "last", "shallow", "random")
"""Which bits of a column are added first: the oldest, the newest, those of least depth, any."""

Bits = list[int]
"""Literals, the least significant bit first."""


class Textbook:
    """Makes circuits of one function; `random` decides what is open."""

    def __init__(self, dataset: Dataset, random: Random, part: Netlist | None = None) -> None:
        self.part = (
            part  # the same function on the first `part.input_ports[0].width` bits of each port
        )
        self.builder = NetlistBuilder(dataset.name, dataset.input_ports, dataset.output_ports)
        self.random = random
        self.order = random.choice(ORDERS)
        literals = [self.builder.input(bit) for bit in range(self.builder.n_inputs)]
        self.ports: list[Bits] = []
        for port in dataset.input_ports:
            self.ports.append(literals[: port.width])
            literals = literals[port.width :]
        self._level: dict[int, int] = {}

    @property
    def done(self) -> int:
        """Bits of each input port that the part takes."""
        return self.part.input_ports[0].width if self.part is not None else 0

    def embedded(self) -> Bits:
        """Return the outputs of the part."""
        if self.part is None:
            return []
        literals = [0, *(bit for port in self.ports for bit in port[: self.done])]
        self.builder.extend(literals, self.part.fanins.tolist())
        return [literals[out >> 1] ^ (out & 1) for out in self.part.outputs.tolist()]

    def full_adder(self, a: int, b: int, c: int) -> tuple[int, int]:
        """Return sum and carry in three cells, also where one bit is constant."""
        build = self.builder
        carry = build.maj(a, b, c)
        constant = [bit for bit in (a, b, c) if bit < 2]
        if constant:
            x, y = (bit for bit in (a, b, c) if bit >= 2)
            return build.xor(x, y) ^ constant[0], carry
        a, b, c = self.random.sample((a, b, c), 3)
        return build.maj(carry ^ 1, build.maj(a, b, c ^ 1), c), carry

    def add(self, columns: Sequence[Bits], width: int) -> Bits:
        """Return the sum, modulo ``2 ** width``, of bits given by weight."""
        left = [[*column] for column in columns] + [[] for _ in range(width + 1)]
        for place in range(width):
            column = left[place]
            while len(column) > 1:
                a, b = self._draw(column), self._draw(column)
                c = self._draw(column) if column else 0
                total, carry = self._added(a, b, c)
                column += [total] if total else []
                left[place + 1] += [carry] if carry else []
        return [column[0] if column else 0 for column in left[:width]]

    def _added(self, a: int, b: int, c: int) -> tuple[int, int]:
        known, free = [bit for bit in (a, b, c) if bit < 2], [bit for bit in (a, b, c) if bit >= 2]
        if len(free) < 2:
            return (free[0] ^ (sum(known) & 1), free[0] if sum(known) else 0) if free else (
                sum(known) & 1, sum(known) >> 1
            )  # fmt: skip
        if free[0] == free[1]:
            return c, free[0]
        total, carry = self.full_adder(a, b, c)
        depth = 1 + max(self._level.get(bit, 0) for bit in free)
        self._level[carry], self._level[total] = depth, depth + 1
        return total, carry

    def _draw(self, column: Bits) -> int:
        match self.order:
            case "first":
                return column.pop(0)
            case "last":
                return column.pop()
            case "shallow":
                return column.pop(
                    column.index(min(column, key=lambda bit: self._level.get(bit, 0)))
                )
        return column.pop(self.random.randrange(len(column)))

    def sorted(self, bits: Bits) -> Bits:
        """Return bits with the ones first."""
        if self.part is not None:
            return self.inserted(self.embedded(), self.by_insertion(bits[self.done :]))
        ways = (self.by_network, self.by_insertion, self.by_count)
        return self.random.choice(ways)(bits)

    def by_network(self, bits: Bits) -> Bits:
        """Sort by the odd-even merging network (K. E. Batcher, AFIPS Spring Joint Computer Conf. 1968)."""
        wires = [*bits]
        for low, high in batcher(len(bits)):
            wires[low], wires[high] = (
                self.builder.or_(wires[low], wires[high]),
                self.builder.and_(wires[low], wires[high]),
            )
        return wires

    def by_insertion(self, bits: Bits) -> Bits:
        """Sort parts, and put the bits of one into the other: ``MAJ(y[i], y[i-1], x)`` each."""
        if len(bits) < 2:
            return [*bits]
        cut = len(bits) - self.random.choice([1, 1, len(bits) // 2])
        return self.inserted(self.by_insertion(bits[:cut]), self.by_insertion(bits[cut:]))

    def inserted(self, found: Bits, rest: Bits) -> Bits:
        """Return the bits of two sorted lists, sorted."""
        for number, bit in enumerate(rest):
            # What is inserted comes sorted too: each one lands below the one before.
            ones = [1, *found, 0]
            found = [
                ones[place + 1]
                if place < number
                else self.builder.maj(ones[place + 1], ones[place], bit)
                for place in range(len(ones) - 1)
            ]
        return found

    def by_count(self, bits: Bits) -> Bits:
        """Count the ones, and decode the count."""
        count = self.add([bits], len(bits).bit_length())
        return [self.at_least(count, least) for least in range(1, len(bits) + 1)]

    def at_least(self, number: Bits, least: int) -> int:
        """Return whether a number is as large as a constant."""
        result = 1
        for place, bit in enumerate(number):
            result = self.builder.maj(bit, 1 ^ (least >> place & 1), result)
        return result


def batcher(n: int) -> list[tuple[int, int]]:
    """Return the comparators of Batcher's network for n wires."""
    found = []
    p = 1
    while p < n:
        k = p
        while k >= 1:
            for j in range(k % p, n - k, 2 * k):
                for i in range(min(k, n - j - k)):
                    if (i + j) // (2 * p) == (i + j + k) // (2 * p):
                        found.append((i + j, i + j + k))
            k //= 2
        p *= 2
    return found


def multiplier(book: Textbook) -> Bits:
    a, b = book.ports
    columns: list[Bits] = [[] for _ in range(len(a) + len(b))]
    for place, bit in enumerate(book.embedded()):
        columns[place].append(bit)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            if max(i, j) >= book.done:
                columns[i + j].append(book.builder.and_(x, y))
    return book.add(columns, len(columns))


def squarer(book: Textbook) -> Bits:
    """Square by half of the products: ``x[i] x[j]`` comes twice, ``x[i] x[i]`` is ``x[i]``."""
    (a,) = book.ports
    columns: list[Bits] = [[] for _ in range(2 * len(a))]
    for place, bit in enumerate(book.embedded()):
        columns[place].append(bit)
    for j in range(book.done, len(a)):
        columns[2 * j].append(a[j])
        for i in range(j):
            columns[i + j + 1].append(book.builder.and_(a[i], a[j]))
    if book.random.random() < 0.5:
        for i in range(max(0, book.done - 1), len(a) - 1):
            # Products of neighbours and the square of the larger have one weight: x y + y = 2 x y + !x y.
            x, y = a[i], a[i + 1]
            column = columns[2 * i + 2]
            column.remove(book.builder.and_(x, y))
            column.remove(y)
            column.append(book.builder.and_(x ^ 1, y))
            columns[2 * i + 3].append(book.builder.and_(x, y))
    return book.add(columns, len(columns))


def adder(book: Textbook) -> Bits:
    columns = [[bits[place] for bits in book.ports[:2]] for place in range(len(book.ports[0]))]
    for carry in book.ports[2:]:
        columns[0] += carry
    return book.add(columns, len(columns) + 1)


def full_adder(book: Textbook) -> Bits:
    return book.add([[bit for (bit,) in book.ports]], 2)


def popcount(book: Textbook) -> Bits:
    (x,) = book.ports
    columns: list[Bits] = [[bit] for bit in book.embedded()] or [[]]
    columns[0] += x[book.done :]
    return book.add(columns, len(x).bit_length())


def parity(book: Textbook) -> Bits:
    (x,) = book.ports
    return book.add([x], 1)


def sorter(book: Textbook) -> Bits:
    return book.sorted(book.ports[0])


def majority(book: Textbook) -> Bits:
    (x,) = book.ports
    if book.random.random() < 0.5:
        return [book.sorted(x)[len(x) // 2]]
    # The ones and so much more overflow where the ones are more than half.
    width = len(x).bit_length()
    more = (1 << width) - (len(x) // 2 + 1)
    columns = [[1] if more >> place & 1 else [] for place in range(width)]
    columns[0] += x
    return book.add(columns, width + 1)[width:]


def _less(book: Textbook, a: Bits, b: Bits) -> int:
    result = 0
    for x, y in zip(a, b, strict=True):
        result = book.builder.maj(x ^ 1, y, result)
    return result


def less(book: Textbook) -> Bits:
    return [_less(book, *book.ports)]


def equal(book: Textbook) -> Bits:
    a, b = book.ports
    smaller, larger = _less(book, a, b), _less(book, b, a)
    return [book.builder.or_(smaller, larger) ^ 1]


def comparator(book: Textbook) -> Bits:
    a, b = book.ports
    smaller, larger = _less(book, a, b), _less(book, b, a)
    return [smaller, book.builder.or_(smaller, larger) ^ 1, larger]


FUNCTIONS: dict[str, Callable[[Textbook], Bits]] = {
    function.__name__: function
    for function in (
        multiplier, squarer, adder, full_adder, popcount, parity, sorter, majority, less, equal, comparator,
    )
}  # fmt: skip
"""By the name of the task, as it stands before the colon."""


WITH_PARTS = ("multiplier", "squarer", "popcount", "sorter")
"""Functions that take a part: the same function of fewer bits, of both operands alike."""


def textbook(dataset: Dataset, random: Random, part: Netlist | None = None) -> Netlist:
    """Return a textbook circuit of a task; `FUNCTIONS` has the tasks."""
    book = Textbook(dataset, random, part)
    return book.builder.build(FUNCTIONS[dataset.source.partition(":")[0]](book))
