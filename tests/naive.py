"""Slow twins: the same mathematics written as plainly as possible, in float64, pattern by pattern."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from btfsynth.dataset.dataset import InputKind
from btfsynth.settings.table import Metric


def root(big_a: float, big_b: float, c: float) -> float:
    """The u in (-1, 1) with A/(1-u)^2 - B/(1+u)^2 = 2c, by bisection."""
    low, high = -1.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        if big_a / (1 - middle) ** 2 - big_b / (1 + middle) ** 2 < 2 * c:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def to_hyperbola(w: np.ndarray, x: np.ndarray, c: float) -> tuple[np.ndarray, np.ndarray]:
    """The nearest (w, x) with w . x = c, and how far u is from a pole, where they are not unique."""
    a, b = (w + x) / np.sqrt(2), (w - x) / np.sqrt(2)
    u = root(float(a @ a), float(b @ b), c)
    a, b = a / (1 - u), b / (1 + u)
    return (a + b) / np.sqrt(2), (a - b) / np.sqrt(2), 1 - abs(u)


def to_threshold(w, x, y, delta):
    """The nearest (w, x, y) with y in {-1, 1} and y (w . x) >= delta, and how clear a choice it is."""
    best, distances, clear = None, [], np.inf
    for sign in (1.0, -1.0):
        if sign * float(w @ x) >= delta:
            new_w, new_x = w, x
        else:
            new_w, new_x, from_pole = to_hyperbola(w, x, sign * delta)
            clear = min(clear, from_pole)
        distance = ((new_w - w) ** 2).sum() + ((new_x - x) ** 2).sum() + (sign - y) ** 2
        distances.append(distance)
        if best is None or distance < best[0]:
            best = (distance, new_w, new_x, sign)
    return *best[1:], min(clear, abs(distances[0] - distances[1]))


def to_code(y, kind):
    """The nearest code to the inputs of one pattern, and by how much it is nearer than the next."""
    if kind is InputKind.HYPERCUBE_GENERATOR:
        return np.where(y > 0, 1.0, -1.0), 4 * np.abs(y).min()
    code = np.full(len(y), -1.0)
    code[np.argmax(y)] = 1.0
    largest = np.sort(y)[-2:]
    return code, 4 * (largest[-1] - largest[0]) if len(y) > 1 else np.inf


class Training:
    """Reflect-reflect-relax on arrays indexed [pattern, edge] and [pattern, node]."""

    def __init__(self, dataset, topology, sigma, w, x, y):
        self.topology = topology
        self.w, self.x, self.y = (np.array(v, dtype=np.float64) for v in (w, x, y))
        self.sources = topology.sources
        self.first = topology.first_neuron
        self.targets = np.repeat(np.arange(topology.n_neurons), topology.fan_in)
        self.delta = np.sqrt(topology.fan_in / sigma)
        patterns = dataset.n_patterns
        self.kind = dataset.input_kind
        self.generated = self.kind not in (InputKind.BOOLEAN, InputKind.ANALOG)
        given = 2.0 * dataset.inputs.astype(np.float64) - 1
        if self.generated:
            given = np.zeros((patterns, topology.n_inputs))
        self.data = np.concatenate([np.full((patterns, 1), -1.0), given], axis=1)
        self.goal = 2.0 * dataset.targets - 1
        self.care = dataset.care_mask
        self.g = np.ones((patterns, topology.n_neurons))

    def edges(self, neuron):
        return slice(self.topology.fanin_start[neuron], self.topology.fanin_start[neuron + 1])

    def project_a(self):
        """The nearest point of A; ``clearance`` tells how clear its least clear choice was."""
        w, x, y = self.w.copy(), self.x.copy(), self.y.copy()
        y[:, : self.first] = self.data
        self.clearance = np.inf
        for i in range(len(w)):
            if self.generated:
                y[i, 1 : self.first], nearer = to_code(self.y[i, 1 : self.first], self.kind)
                self.clearance = min(self.clearance, nearer)
            for neuron in range(self.topology.n_neurons):
                e, node = self.edges(neuron), self.first + neuron
                w[i, e], x[i, e], y[i, node], nearer = to_threshold(
                    self.w[i, e], self.x[i, e], self.y[i, node], self.delta[neuron]
                )
                self.clearance = min(self.clearance, nearer)
        return w, x, y

    def project_b(self, w, x, y):
        topology = self.topology
        weights = np.zeros(topology.n_edges)
        for neuron in range(topology.n_neurons):
            e = self.edges(neuron)
            total = (self.g[:, neuron, None] * w[:, e]).sum(axis=0)
            weights[e] = total * np.sqrt(topology.fan_in[neuron] / (total**2).sum())
        g_node = np.concatenate([np.ones((len(w), self.first)), self.g], axis=1)
        values, weight = g_node * y, g_node.copy()
        for e in range(topology.n_edges):
            g_e = self.g[:, self.targets[e]]
            values[:, self.sources[e]] += g_e * x[:, e]
            weight[:, self.sources[e]] += g_e
        values /= weight
        outputs = slice(topology.n_nodes - topology.n_outputs, topology.n_nodes)
        values[:, outputs] = np.where(self.care, self.goal, values[:, outputs])
        return weights, values

    def step(self, beta, gamma):
        """One step; returns the gap before it and the consensus it moved towards."""
        a = self.project_a()
        weights, values = self.project_b(
            *(2 * p - v for p, v in zip(a, (self.w, self.x, self.y), strict=True))
        )
        d_w, d_x, d_y = weights - a[0], values[:, self.sources] - a[1], values - a[2]
        gap2 = np.zeros_like(self.g)
        for neuron in range(self.topology.n_neurons):
            e = self.edges(neuron)
            gap2[:, neuron] = (
                (d_w[:, e] ** 2).sum(axis=1)
                + (d_x[:, e] ** 2).sum(axis=1)
                + d_y[:, self.first + neuron] ** 2
            )
        self.w += beta * d_w
        self.x += beta * d_x
        self.y += beta * d_y
        mean = gap2.mean()
        if mean > 0:  # else the point is at rest, and so is its metric
            self.g += gamma * (gap2 / mean - self.g)
        return np.sqrt(mean), weights, values


def netlist_bits(netlist, vector):
    """The output bits of a netlist on one input vector, by recursion over a dict."""
    known = {0: 0, **{1 + bit: int(value) for bit, value in enumerate(vector)}}
    first, fanins = netlist.first_cell, netlist.fanins.tolist()

    def value(literal):
        node = literal >> 1
        if node not in known:
            a, b, c = map(value, fanins[node - first])
            known[node] = int(a + b + c >= 2)
        return known[node] ^ (literal & 1)

    return [value(literal) for literal in netlist.outputs.tolist()]


def all_vectors(n_inputs):
    """Every input vector, input 0 counting fastest."""
    return [[number >> bit & 1 for bit in range(n_inputs)] for number in range(1 << n_inputs)]


def truth_table(netlist):
    """The output bits on every input vector."""
    return [netlist_bits(netlist, vector) for vector in all_vectors(netlist.n_inputs)]


def gate_bits(gates, vector):
    """The output bits of a netlist with parities on one input vector, a cell at a time.

    A parity is a cell whose literals fall.
    """
    values = [0, *vector]

    def bit(literal):
        return values[literal // 2] ^ literal % 2

    for a, b, c in gates.fanins.tolist():
        ones = bit(a) + bit(b) + bit(c)
        values.append(ones % 2 if a > c else int(ones >= 2))
    return [bit(literal) for literal in gates.outputs.tolist()]


def gate_table(gates):
    """The output bits on every input vector."""
    return [gate_bits(gates, vector) for vector in all_vectors(gates.n_inputs)]


def threshold_is_on(inputs, weights, threshold, bits):
    """Whether a sum of weighted -1/+1 inputs is above a threshold."""
    total = 0
    for position, weight in zip(inputs, weights, strict=True):
        total += weight if bits[position] else -weight
    return total > threshold


def network_bits(network, vector):
    """The output bits of a network on one input vector, neuron by neuron."""
    topology = network.topology
    values = [-1.0, *(1.0 if bit else -1.0 for bit in vector)]
    for neuron in range(topology.n_neurons):
        total = 0.0
        for edge in range(topology.fanin_start[neuron], topology.fanin_start[neuron + 1]):
            total += float(network.weights[edge]) * values[topology.sources[edge]]
        values.append(1.0 if total > 0 else -1.0)
    return [int(value > 0) for value in values[len(values) - topology.n_outputs :]]


def cell_levels(netlist):
    """Cells on the longest path from an input to every node."""
    level = [0] * netlist.n_nodes
    for cell, fanin in enumerate(netlist.fanins.tolist()):
        level[netlist.first_cell + cell] = 1 + max(level[literal >> 1] for literal in fanin)
    return level


def node_times(fanins, outputs, first, bound):
    """The level of every node in use, and how late it may come: two dicts, by recursion."""
    level, latest = {}, {}

    def arrive(node):
        if node not in level:
            sources = fanins[node] if node >= first else []
            level[node] = 1 + max(arrive(int(x) >> 1) for x in sources) if len(sources) else 0
        return level[node]

    def require(node, time):
        latest[node] = min(time, latest.get(node, time))
        for literal in fanins[node] if node >= first else []:
            require(int(literal) >> 1, time - 1)

    for literal in outputs:
        arrive(int(literal) >> 1)
        require(int(literal) >> 1, bound)
    return level, latest


def registers_of_cut(netlist, stages):
    """Registers in the chains if every cell is in the stage that its level falls into."""
    level = cell_levels(netlist)
    depth = max(1, -(-max(level) // stages))
    time = [max(0, own - 1) // depth for own in level]
    length = [0] * netlist.n_nodes
    for cell, fanin in enumerate(netlist.fanins.tolist()):
        for literal in fanin:
            gap = time[netlist.first_cell + cell] - time[literal >> 1]
            length[literal >> 1] = max(length[literal >> 1], gap)
    for literal in netlist.outputs.tolist():
        length[literal >> 1] = max(length[literal >> 1], stages - 1 - time[literal >> 1])
    return sum(length[1:])


class Clocked:
    """A pipelined netlist clock by clock: a list of the values that every chain of registers holds."""

    def __init__(self, netlist, pipeline):
        self.netlist, self.pipeline = netlist, pipeline
        self.chains = [[0] * int(length) for length in pipeline.delays]
        self.outputs = [0] * netlist.n_outputs

    def read(self, literal, time, values):
        """The value of a literal for who reads it at a time."""
        node = literal >> 1
        delay = time - int(self.pipeline.time[node]) if node else 0
        assert delay >= 0
        value = values[node] if delay == 0 else self.chains[node][delay - 1]
        return value ^ (literal & 1)

    def tick(self, inputs, enable=True, reset=False):
        """One rising edge."""
        values = [0, *inputs]
        for cell, fanin in enumerate(self.netlist.fanins.tolist()):
            time = int(self.pipeline.time[self.netlist.first_cell + cell])
            values.append(int(sum(self.read(literal, time, values) for literal in fanin) >= 2))
        outputs = [
            self.read(literal, self.pipeline.latency - 1, values)
            for literal in self.netlist.outputs.tolist()
        ]
        if reset:
            self.chains = [[0] * len(chain) for chain in self.chains]
            self.outputs = [0] * len(outputs)
        elif enable:
            self.chains = [
                [values[node], *chain][: len(chain)] for node, chain in enumerate(self.chains)
            ]
            self.outputs = outputs
        return self.outputs


def circuit_outputs(state, inputs: np.ndarray) -> np.ndarray:
    """Return the outputs of a circuit as it is annealed, -1 or +1, by recursion from each."""
    first = len(state.values) - len(state.kinds)

    def value(literal: int) -> np.ndarray:
        signal, sign = literal >> 1, 1 - 2 * (literal & 1)
        if signal == 0:
            return np.full(inputs.shape[1], -1.0 * sign)
        if signal < first:
            return sign * inputs[signal - 1].astype(np.float64)
        place = signal - first
        a, b, c = (value(int(each)) for each in state.fanins[place])
        return sign * (-a * b if state.kinds[place] == 2 else np.sign(a + b + c))

    return np.array([value(int(literal)) for literal in state.outputs])


def metrics_of(exact, other, reading, weights=None):
    """Every metric of the error of a netlist as a fraction, one vector at a time in whole numbers."""
    total, sums = 0, dict.fromkeys(Metric, Fraction(0))
    for number, vector in enumerate(all_vectors(exact.n_inputs)):
        weight = 1 if weights is None else int(weights[number])
        total += weight
        if not weight:
            continue
        wrong = 0
        bits = [netlist_bits(each, vector) for each in (exact, other)]
        for first, width, signed in reading.ports:
            values = []
            for own in bits:
                value = sum(int(own[first + place]) << place for place in range(width))
                values.append(value - (1 << width) if signed and own[first + width - 1] else value)
            off, against = abs(values[1] - values[0]), max(1, abs(values[0]))
            wrong |= off != 0
            sums[Metric.WCE] = max(sums[Metric.WCE], Fraction(off))
            sums[Metric.WCRE] = max(sums[Metric.WCRE], Fraction(off, against))
            sums[Metric.MAE] += weight * off
            sums[Metric.MSE] += weight * off * off
            sums[Metric.MRE] += weight * Fraction(off, against)
        sums[Metric.EP] += weight * wrong
    for metric in (Metric.MAE, Metric.MSE, Metric.MRE, Metric.EP):
        sums[metric] /= total
    return sums
