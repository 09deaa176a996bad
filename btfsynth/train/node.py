"""What a node does over a vector of patterns, as LLVM vector code: its consensus value, its sign."""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.extending import intrinsic

from btfsynth.train.vector import LANES, Vector, Vectors

__all__ = ["evaluate_neuron", "settle_node", "sum_metric"]

_TINY = 1e-30


@intrinsic
def settle_node(typingctx, state, scratch, place, gain):  # type: ignore[no-untyped-def]
    """Set a node's consensus value to ``(sum_1 + gain sum_2) / (own + shared metric)`` for a lane group.

    scratch: its shared row is the summed metric of the neurons the node feeds. Changed in the state:
    values. place: int64 tuple (node's row offset; its offset in the metric, -1 for an input node, whose
    metric is 1; offset in shared). gain: float scalar.
    """
    signature = types.void(state, scratch, place, gain)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        v = Vectors(context, builder, sig.args[0][0].dtype)
        moving, spare = (v.fields(sig.args[k], args[k]) for k in range(2))
        row, at_own, at_shared = (builder.extract_value(args[2], k) for k in range(3))
        is_input = builder.icmp_signed("<", at_own, at_own.type(0))
        safe = builder.select(is_input, at_own.type(0), at_own)
        metric = v.load(v.at(moving["metric"], safe)).value
        own = Vector(builder, builder.select(is_input, v.constant(1.0).value, metric))
        total = v.load(v.at(moving["sum_1"], row)) + v.splat(args[3]) * v.load(
            v.at(moving["sum_2"], row)
        )
        weight = own + v.load(v.at(spare["shared"], at_shared))
        v.store(total / v.maximum(weight, v.constant(_TINY)), v.at(moving["values"], row))
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def sum_metric(typingctx, problem, state, scratch, place):  # type: ignore[no-untyped-def]
    """Sum the metric over a set of neurons into a row of scratch.shared, for one lane group.

    place: int64 tuple (first member, members, neuron row offset of the group, offset in shared).
    """
    signature = types.void(problem, state, scratch, place)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        v = Vectors(context, builder, sig.args[1][0].dtype)
        given, moving, spare = (v.fields(sig.args[k], args[k]) for k in range(3))
        first, count, rows, at_shared = (builder.extract_value(args[3], k) for k in range(4))

        def member_step(j: Any, carried: list[Vector]) -> list[Vector]:
            member = builder.load(v.at(given["class_members"], builder.add(first, j)))
            row = builder.add(rows, builder.mul(member, first.type(LANES)))
            return [carried[0] + v.load(v.at(moving["metric"], row))]

        (total,) = v.loop(count, [v.constant(0.0)], member_step)
        v.store(total, v.at(spare["shared"], at_shared))
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def evaluate_neuron(typingctx, values, weights, sources, place):  # type: ignore[no-untyped-def]
    """Set a neuron's value to the sign of ``W . x`` (-1 for zero) for one lane group.

    place: int64 tuple (first edge, fan-in, node row offset of the group, node's own row offset).
    """
    signature = types.void(values, weights, sources, place)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        v = Vectors(context, builder, sig.args[0].dtype)
        p_values, p_weights, p_sources = (
            v.data(kind, array) for kind, array in zip(sig.args[:3], args[:3], strict=True)
        )
        edge, fan_in, rows, own = (builder.extract_value(args[3], k) for k in range(4))
        zero, one = v.constant(0.0), v.constant(1.0)

        def edge_step(j: Any, carried: list[Vector]) -> list[Vector]:
            at_edge = builder.add(edge, j)
            source = builder.load(v.at(p_sources, at_edge))
            row = builder.add(rows, builder.mul(source, edge.type(LANES)))
            weight = v.splat(builder.load(v.at(p_weights, at_edge)))
            return [carried[0] + weight * v.load(v.at(p_values, row))]

        (total,) = v.loop(fan_in, [zero], edge_step)
        v.store(v.where(zero.less(total), one, zero - one), v.at(p_values, own))
        return context.get_dummy_value()

    return signature, codegen
