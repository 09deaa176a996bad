"""An iteration of reflect-reflect-relax in straightforward vectorised NumPy."""

from __future__ import annotations

import numpy as np


class NumpyTraining:
    """All patterns of a neuron at once, projections stored edge by edge, float32."""

    def __init__(self, dataset, topology, sigma, seed):
        random = np.random.default_rng(seed)
        patterns, edges, nodes = dataset.n_patterns, topology.n_edges, topology.n_nodes
        self.topology = topology
        self.w, self.x = random.uniform(-1, 1, (2, patterns, edges)).astype(np.float32)
        self.y = random.uniform(-1, 1, (patterns, nodes)).astype(np.float32)
        self.g = np.ones((patterns, topology.n_neurons), dtype=np.float32)
        self.data = np.concatenate(
            [np.full((patterns, 1), -1), 2.0 * dataset.inputs - 1], axis=1
        ).astype(np.float32)
        self.goal = (2.0 * dataset.targets - 1).astype(np.float32)
        self.delta = np.sqrt(topology.fan_in / sigma).astype(np.float32)
        self.first = topology.first_neuron

    def step(self, beta, gamma):
        """Do one step and return the mean squared gap."""
        topology, start = self.topology, self.topology.fanin_start
        aw, ax, ay = self.w.copy(), self.x.copy(), self.y.copy()
        ay[:, : self.first] = self.data
        for k in range(topology.n_neurons):
            edges, node = slice(start[k], start[k + 1]), self.first + k
            w, x = self.w[:, edges], self.x[:, edges]
            a2 = ((w + x) ** 2).sum(axis=1) / 2
            b2 = ((w - x) ** 2).sum(axis=1) / 2
            plus, minus = self._move(a2, b2, k), -self._move(b2, a2, k)
            cost = [
                a2 * (u / (1 - u)) ** 2 + b2 * (u / (1 + u)) ** 2 + (self.y[:, node] - s) ** 2
                for u, s in ((plus, 1), (minus, -1))
            ]
            u = np.where(cost[0] <= cost[1], plus, minus)[:, None]
            ay[:, node] = np.where(cost[0] <= cost[1], 1, -1)
            aw[:, edges], ax[:, edges] = (w + u * x) / (1 - u * u), (x + u * w) / (1 - u * u)
        rw, rx, ry = 2 * aw - self.w, 2 * ax - self.x, 2 * ay - self.y
        targets = np.repeat(np.arange(topology.n_neurons), topology.fan_in)
        g_edge = self.g[:, targets]
        weights = (g_edge * rw).sum(axis=0)
        norms = np.add.reduceat(weights**2, start[:-1])
        weights *= np.repeat(np.sqrt(topology.fan_in / norms), topology.fan_in)
        weight = np.concatenate([np.ones((len(ry), self.first)), self.g], axis=1)
        values = weight * ry
        np.add.at(values.T, topology.sources, (g_edge * rx).T)
        np.add.at(weight.T, topology.sources, g_edge.T)
        values = (values / weight).astype(np.float32)
        values[:, topology.n_nodes - topology.n_outputs :] = self.goal
        dw, dx, dy = weights - aw, values[:, topology.sources] - ax, values - ay
        gap = np.add.reduceat(dw**2 + dx**2, start[:-1], axis=1) + dy[:, self.first :] ** 2
        self.w += beta * dw
        self.x += beta * dx
        self.y += beta * dy
        self.g += gamma * (gap / gap.mean() - self.g)
        return gap.mean()

    def _move(self, a2, b2, neuron):
        """Newton's method for the multiplier that reaches +delta, 0 where it is reached."""
        c2 = 2 * self.delta[neuron]
        t = np.ones_like(a2)
        for _ in range(4):
            s = c2 * t * t + b2
            ratio = np.sqrt(a2 / s)
            t += (2 - t * (1 + ratio)) / (1 + ratio * b2 / s)
        return np.where((a2 - b2) < c2, np.minimum(t - 1, 1 - 1e-6), 0)
