"""Weights as maps: how near each has come to -1, 0 or +1 in the units of its neuron.

The method keeps the norm of a neuron's weights at the square root of its fan-in ``m`` and lets it settle on an
odd number ``s`` of inputs, at most the support sigma, all of the magnitude ``sqrt(m / s)`` (arXiv 2602.17493).
That magnitude is the unit of the neuron. A training that stops once every target is right has not settled yet:
``s`` is then the number that the weights come nearest to.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from btfsynth.errors import plural
from btfsynth.network.trained import TrainedNetwork
from btfsynth.report.svg import drawing, element, linear_axis, number

__all__ = ["LayerMap", "layer_maps", "settled_weights"]

_MAX_CELLS = 10_000
"""Weights of a layer that has a map; a larger one has its histogram alone."""
_MAX_TITLES = 2_000
"""Up to so many weights in all, each tells its value where the pointer is."""
_MAX_LAYERS = 40
_NEAR = 0.2
_COLORS = 8
"""Shades on each side of 0."""
_BINS = 49
_REACH = 2.45
"""Of the histogram; so each of -1, 0 and +1 is the middle of a bin."""


@dataclass(frozen=True)
class LayerMap:
    """A layer as drawings.

    Parameters
    ----------
    title
        What it is called.
    shape
        What it has, in words.
    settled
        Share of its weights within 0.2 of -1, 0 or +1.
    heat
        The map; None if the layer is too large.
    histogram
        How often each value comes.
    """

    title: str
    shape: str
    settled: float
    heat: Markup | None
    histogram: Markup


def settled_weights(weights: NDArray[np.float64], sigma: float | None) -> NDArray[np.float64]:
    """Return the weights of neurons in their units.

    Parameters
    ----------
    weights
        ``(neurons, m)``, each row of the norm ``sqrt(m)``; another norm is brought to that.
    sigma
        The support; None if it is not known.

    Returns
    -------
    ``(neurons, m)``; a row of zeros stays one.
    """
    n = weights.shape[1]
    most = n if sigma is None else max(1, min(n, math.floor(sigma + 1e-9)))
    norms = np.sqrt((weights**2).sum(axis=1, keepdims=True))
    unit = weights / np.where(norms > 0, norms, 1)
    counts = np.arange(1, most + 1, 2)
    scaled = unit[None] * np.sqrt(counts)[:, None, None]
    off = (np.abs(scaled) - np.minimum(np.round(np.abs(scaled)), 1)) ** 2
    # As many as s weights of magnitude 1 are what a neuron settles on; the distance alone would
    # let a single large weight pass for many inputs that are all nearly 0.
    best = np.argmin(off.sum(axis=2) / counts[:, None], axis=0)
    return np.asarray(scaled[best, np.arange(len(weights))], dtype=np.float64)


def layer_maps(network: TrainedNetwork, bits: Sequence[str]) -> tuple[LayerMap, ...]:
    """Return the maps of a network's layers.

    Parameters
    ----------
    network
        The network; of a graph without layers all neurons together have a histogram.
    bits
        Names of the input bits.
    """
    topology, start = network.topology, network.topology.fanin_start
    value = network.training.get("sigma")
    sigma = float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None
    names = ["bias", *bits, *(f"h{k + 1}" for k in range(topology.n_neurons))]
    groups: list[tuple[NDArray[np.float64], list[str]]] = []
    weights = network.weights.astype(np.float64)
    for first, last in topology.layers:
        sources = topology.sources[start[first] : start[first + 1]]
        block = weights[start[first] : start[last]].reshape(last - first, len(sources))
        settled = settled_weights(block, sigma)
        groups.append((settled, [names[source] for source in sources]))
    if topology.widths is None or len(groups) > _MAX_LAYERS:
        values = np.concatenate([rows.ravel() for rows, _ in groups])
        shape = f"{plural(topology.n_neurons, 'neuron')}, {plural(topology.n_edges, 'weight')}"
        return (_layer("all neurons", shape, values[None], None, False),)
    titled = topology.n_edges <= _MAX_TITLES
    layers = []
    for place, (rows, sources_of) in enumerate(groups):
        title = "outputs" if place == len(groups) - 1 else f"hidden layer {place + 1}"
        shape = f"{plural(len(rows), 'neuron')} of {plural(rows.shape[1], 'input')}"
        layers.append(_layer(title, shape, rows, sources_of, titled))
    return tuple(layers)


def _layer(
    title: str, shape: str, rows: NDArray[np.float64], sources: list[str] | None, titled: bool
) -> LayerMap:
    magnitude = np.abs(rows)
    near = np.minimum(np.abs(magnitude - 1), magnitude) <= _NEAR
    heat = None
    if sources is not None and rows.size <= _MAX_CELLS:
        heat = _heat_map(title, rows, sources, titled)
    return LayerMap(title, shape, float(near.mean()), heat, _histogram(title, rows))


def _heat_map(title: str, rows: NDArray[np.float64], sources: list[str], titled: bool) -> Markup:
    """Draw a row a neuron and a column an input, coloured by the weight."""
    n_rows, n_columns = rows.shape
    size = max(3.0, min(18.0, 400.0 / max(n_rows, n_columns)))
    left, top = 26.0, 22.0
    shades = np.clip(np.round(rows * _COLORS / 1.25), -_COLORS, _COLORS).astype(int)
    parts: list[Markup] = []
    for shade in sorted(set(shades.ravel().tolist())):
        class_ = "w0" if not shade else f"w{'n' if shade < 0 else 'p'}{abs(shade)}"
        where = np.argwhere(shades == shade).tolist()
        if titled:
            parts.extend(
                element(
                    "rect",
                    element("title", f"{sources[column]}: {rows[row, column]:+.2f}"),
                    x=left + column * size,
                    y=top + row * size,
                    width=size - 1,
                    height=size - 1,
                    class_=class_,
                )
                for row, column in where
            )
        else:
            side, inner = number(left), number(size - 0.4)
            data = "".join(
                f"M{number(float(side) + column * size)} {number(top + row * size)}"
                f"h{inner}v{inner}h-{inner}z"
                for row, column in where
            )
            parts.append(element("path", d=data, class_=class_))
    middle = top + n_rows * size / 2
    parts.append(element("text", "inputs", x=left, y=13, class_="tick"))
    parts.append(
        element("text", "neurons", transform=f"translate(14 {middle:.2f}) rotate(-90)",
                class_="tick middle")
    )  # fmt: skip
    label = (
        f"Map of the weights of {title}: {plural(n_rows, 'neuron')} by {plural(n_columns, 'input')}"
    )
    return drawing(left + n_columns * size, top + n_rows * size, label, parts, "chart heat")


def _histogram(title: str, rows: NDArray[np.float64]) -> Markup:
    """Draw how often values come, -1, 0 and +1 marked."""
    width, height, bottom, left = 300.0, 150.0, 122.0, 10.0
    counts, edges = np.histogram(np.clip(rows, -_REACH, _REACH), _BINS, (-_REACH, _REACH))
    x_axis = linear_axis(-_REACH, _REACH, left, width - 10)
    top = float(counts.max())
    parts = [
        element("path", d=f"M{x_axis.at(value):.2f} 8V{bottom}", class_="grid")
        for value in (-1, 0, 1)
    ]
    for count, low, high in zip(counts.tolist(), edges[:-1], edges[1:], strict=True):
        if count:
            tall = (bottom - 12) * count / top
            parts.append(
                element(
                    "rect",
                    element("title", f"{plural(count, 'weight')} from {low:.2g} to {high:.2g}"),
                    x=x_axis.at(float(low)) + 0.4,
                    y=bottom - tall,
                    width=x_axis.at(float(high)) - x_axis.at(float(low)) - 0.8,
                    height=tall,
                    class_="bar",
                )
            )
    parts.append(element("path", d=f"M{left} {bottom}H{width - 10}", class_="axis"))
    parts.extend(
        element("text", f"{value:+d}" if value else "0", x=x_axis.at(value), y=bottom + 17,
                class_="tick middle")
        for value in (-2, -1, 0, 1, 2)
    )  # fmt: skip
    label = f"Histogram of the weights of {title} in the units of their neurons"
    return drawing(width, height, label, parts, "chart histogram")
