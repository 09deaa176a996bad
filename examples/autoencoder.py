"""Find a binary code for random vectors: an autoencoder, its encoder and decoder as two designs.

    python examples/autoencoder.py [FOLDER] [--quick]

A network reproduces sixteen random vectors of 16 bits through a layer of 4 neurons, so this layer contains a
code of 4 bits that training has found. The network is cut there into an encoder and a decoder, which become two
designs. Decoding the encoded vectors gives every vector back. With --quick there are 8 vectors and 3 bits.
FOLDER is hdl_out/autoencoder by default.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import btfsynth as btf


def main(folder: Path, quick: bool) -> None:
    """Train, cut, build both halves, and test them together."""
    count, bits = (8, 3) if quick else (16, 4)
    vectors = btf.load(f"autoencoder:{count}")
    widths = (count, count, bits, count, count)
    network = btf.train(vectors, seed=1, widths=widths, beta=0.4, gamma=1e-3).network
    right = network.score(vectors).vectors_right
    print(f"trained     {right} of {count} vectors come out as they went in")
    encoder, decoder = network.cut(layer=2, port="code")
    codes = encoder(vectors.X)
    for vector, code in zip(vectors.X, codes, strict=True):
        print(f"            {text(vector)} -> {text(code)}")

    # The codes are the targets of one half and the inputs of the other. No other vectors will come.
    encoded = btf.Dataset(vectors.X, codes, inputs=encoder.inputs, outputs=encoder.outputs)
    decoded = btf.Dataset(codes, vectors.y, inputs=decoder.inputs, outputs=decoder.outputs)
    circuits = []
    for name, data, half in (("encoder", encoded, encoder), ("decoder", decoded, decoder)):
        settings = {"preserve": "care", "simulators": ["amaranth"]}
        built = btf.build(data.renamed(name), folder / name, network=half, **settings)
        print(f"{name:12}{built.netlist.cells} cells, verified {built.verified}")
        circuits.append(built.netlist)
    encode, decode = circuits
    back = decode(encode(vectors.X))
    right = int((back == vectors.y).all(axis=1).sum())
    print(f"together    {right} of {count} vectors come back; files in {folder}")


def text(bits: np.ndarray) -> str:
    """Write bits as a number, the most significant first."""
    return "".join(str(bit) for bit in reversed(bits.tolist()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("hdl_out/autoencoder"))
    parser.add_argument("--quick", action="store_true", help="8 vectors, a code of 3 bits")
    main(**vars(parser.parse_args()))
