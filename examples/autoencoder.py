"""Find a binary code for random vectors: an autoencoder, its encoder and decoder as two designs.

    python examples/autoencoder.py [FOLDER] [--quick]

Sixteen random vectors of 16 bits go through a layer of 4 neurons and come out as they were, so that layer holds
a code of 4 bits that training has found. The network is cut there: what is before the code becomes one
design, what is behind it another, and decoding what the one circuit encodes gives every vector back. With
--quick there are 8 vectors and 3 bits. FOLDER is hdl_out/autoencoder by default.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from btfsynth.dataset.load import load
from btfsynth.flow.building import build_network
from btfsynth.flow.patterns import function_of
from btfsynth.flow.report import BuildOptions
from btfsynth.netlist.reference import Preserve
from btfsynth.netlist.text import read_netlist
from btfsynth.network.trained import cut_network
from btfsynth.train.session import TrainOptions, train


def main(folder: Path, quick: bool) -> None:
    """Train, cut, build both halves, put them together again."""
    count, bits = (8, 3) if quick else (16, 4)
    vectors = load(f"autoencoder:{count}")
    widths = (count, count, bits, count, count)
    run = train(vectors, TrainOptions(seed=1, widths=widths, beta=0.4, gamma=1e-3))
    network = run.network(vectors, seed=1)
    encoder, decoder = cut_network(network, layer=2, port="code")
    codes = encoder.outputs(vectors.inputs)
    print(
        f"trained     {network.vectors_right(vectors)} of {count} vectors come out as they went in"
    )
    for vector, code in zip(vectors.inputs, codes, strict=True):
        print(f"            {_text(vector)} -> {_text(code)}")

    # The codes are the targets of one half and the inputs of the other. No other vectors will come.
    ports = encoder.output_ports
    encoded = replace(vectors, name="encoder", targets=codes, care=None, output_ports=ports)
    decoded = replace(vectors, name="decoder", inputs=codes, input_ports=ports)
    options = BuildOptions(preserve=Preserve.CARE, simulators=("amaranth",))
    circuits = []
    for data, half in ((encoded, encoder), (decoded, decoder)):
        report = build_network(data, half, "autoencoder", folder / data.name, options)
        print(f"{data.name:12}{report.cost.cells} cells, verified {report.verified}")
        circuits.append(function_of(read_netlist(folder / data.name / f"{data.name}.mig")))
    encode, decode = circuits
    back = decode(encode(vectors.inputs))
    right = int((back == vectors.targets).all(axis=1).sum())
    print(f"together    {right} of {count} vectors come back; files in {folder}")


def _text(bits: np.ndarray) -> str:
    """Write bits as a number, the most significant first."""
    return "".join(str(bit) for bit in reversed(bits.tolist()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("hdl_out/autoencoder"))
    parser.add_argument("--quick", action="store_true", help="8 vectors, a code of 3 bits")
    main(**vars(parser.parse_args()))
