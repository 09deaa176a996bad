"""The projections of one neuron over a vector of patterns, as LLVM vector code.

Notation of Elser & Lal, "Learning with Boolean threshold functions" (arXiv 2602.17493): a neuron of
fan-in m holds, for every pattern, copies ``w`` and ``x`` of its weights and inputs and its output ``y``.
Constraint A is ``y in {-1, +1}`` and ``y (w . x) >= delta``. With ``a = (w + x) / sqrt 2`` and
``b = (w - x) / sqrt 2`` the nearest point with ``w . x = c`` is ``a / (1 - u)``, ``b / (1 + u)``, so
the whole projection is one scalar ``u`` a neuron and pattern:

    w' = (w + u x) / (1 - u^2),    x' = (x + u w) / (1 - u^2)

Where the constraint is not met already, put ``t = 1 + u``, ``A = |a|^2``, ``B = |b|^2`` and c > 0 (c < 0
swaps A and B and the sign of u). The condition ``A / (1-u)^2 - B / (1+u)^2 = 2 c`` reads

    g(t) = 2 - t - t sqrt(A / s),    s = 2 c t^2 + B,

which is decreasing, convex and close to a straight line on 1 <= t <= 2, at the poles too. Halley's method
from t = 1 needs no safeguard: over A and B of twelve decades its error is at most 4e-8 after two steps and
below double precision after three.
"""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.extending import intrinsic

from btfsynth.train.vector import LANES, Vector, Vectors

__all__ = ["advance_neuron", "divide_row", "evaluate_neuron", "reflect_neuron"]

COEFFICIENTS = 4 * LANES
"""Elements a lane group needs in the coefficient scratch: p1, q1, p2, q2 (see `reflect_neuron`)."""

_POLE = 1e-6
_TINY = 1e-30


def _root(v: Vectors, big_a: Vector, big_b: Vector, margin2: Vector, steps: int) -> Vector:
    """Return u >= 0 with A/(1-u)^2 - B/(1+u)^2 = margin2 (see the module's docstring)."""
    one, two, three = v.constant(1.0), v.constant(2.0), v.constant(3.0)
    t = one
    for _ in range(steps):
        inverse = one / (margin2 * t * t + big_b)
        ratio = v.sqrt(big_a * inverse)
        value = two - t * (one + ratio)
        slope = one + ratio * big_b * inverse
        curvature = three * margin2 * big_b * ratio * t * inverse * inverse
        t = t + two * value * slope / (two * slope * slope - value * curvature)
    return v.minimum(t - one, v.constant(1.0 - _POLE))


def _inverse(v: Vectors, u: Vector) -> Vector:
    """Return 1 / (1 - u^2)."""
    one = v.constant(1.0)
    return one / ((one - u) * (one + u))


def _move(v: Vectors, big_a: Vector, big_b: Vector, u: Vector) -> tuple[Vector, Vector]:
    """Return the squared distance of the move ``u`` and 1 / (1 - u^2)."""
    one = v.constant(1.0)
    inverse = _inverse(v, u)
    scaled = u * inverse
    along_a, along_b = scaled * (one + u), scaled * (one - u)
    return big_a * along_a * along_a + big_b * along_b * along_b, inverse


@intrinsic
def advance_neuron(  # type: ignore[no-untyped-def]
    typingctx,
    w,
    x,
    values,
    weights,
    sources,
    multiplier,
    y,
    sign,
    metric,
    gap,
    valid,
    coefficients,
    gap_sums,
    sum_1,
    sum_2,
    place,
    numbers,
):
    """Move one neuron one step and project it anew, for one lane group.

    Updates ``w``, ``x`` and ``y`` by beta times (B - A) of the step before, measures its gap, then finds
    the projection to A of the new point and the coefficients that `reflect_neuron` needs.

    Arrays, all flat and of one float type, changed in place: w, x (copies of the edges), y, sign (A's
    output), multiplier (u), metric (read only), gap (squared gap), coefficients, gap_sums (running
    sums of the w, x and y parts), sum_1 and sum_2 (running sums of the reflected outputs). Read only:
    values (consensus Y), weights (consensus W), sources (int64), valid (1 for real patterns, 0 for
    padding). place: int64 tuple (first edge, fan-in, copies offset, node row offset of the group,
    node's own row offset, neuron's row offset, coefficient offset, valid offset).
    numbers: float tuple (beta, delta, 1 - gamma).
    """
    signature = types.void(
        w,
        x,
        values,
        weights,
        sources,
        multiplier,
        y,
        sign,
        metric,
        gap,
        valid,
        coefficients,
        gap_sums,
        sum_1,
        sum_2,
        place,
        numbers,
    )

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        v = Vectors(context, builder, sig.args[0].dtype)
        pointer = [v.data(kind, array) for kind, array in zip(sig.args[:15], args[:15], strict=True)]
        (p_w, p_x, p_values, p_weights, p_sources, p_u, p_y, p_sign, p_metric, p_gap) = pointer[:10]
        (p_valid, p_coefficients, p_sums, p_sum_1, p_sum_2) = pointer[10:]
        edge, fan_in, copies, rows, own, neuron, scratch, lane = (
            builder.extract_value(args[15], k) for k in range(8)
        )
        beta, delta, keep = (v.splat(builder.extract_value(args[16], k)) for k in range(3))
        one, half, two = v.constant(1.0), v.constant(0.5), v.constant(2.0)
        width = edge.type(LANES)

        u = v.load(v.at(p_u, neuron))
        direct = _inverse(v, u)
        crossed = u * direct

        def edge_step(j: Any, carried: list[Vector]) -> list[Vector]:
            gap_w, gap_x, ww, xx, wx = carried
            at_copy = builder.add(copies, builder.mul(j, width))
            at_edge = builder.add(edge, j)
            source = builder.load(v.at(p_sources, at_edge))
            w_ptr, x_ptr = v.at(p_w, at_copy), v.at(p_x, at_copy)
            old_w, old_x = v.load(w_ptr), v.load(x_ptr)
            agreed_w = v.splat(builder.load(v.at(p_weights, at_edge)))
            agreed_x = v.load(v.at(p_values, builder.add(rows, builder.mul(source, width))))
            d_w = agreed_w - (direct * old_w + crossed * old_x)
            d_x = agreed_x - (direct * old_x + crossed * old_w)
            new_w, new_x = old_w + beta * d_w, old_x + beta * d_x
            v.store(new_w, w_ptr)
            v.store(new_x, x_ptr)
            return [
                gap_w + d_w * d_w,
                gap_x + d_x * d_x,
                ww + new_w * new_w,
                xx + new_x * new_x,
                wx + new_w * new_x,
            ]

        zero = v.constant(0.0)
        gap_w, gap_x, ww, xx, wx = v.loop(fan_in, [zero] * 5, edge_step)

        y_ptr, sign_ptr = v.at(p_y, own), v.at(p_sign, own)
        d_y = v.load(v.at(p_values, own)) - v.load(sign_ptr)
        new_y = v.load(y_ptr) + beta * d_y
        v.store(new_y, y_ptr)
        gap_y = d_y * d_y
        real = v.load(v.at(p_valid, lane))
        squared = (gap_w + gap_x + gap_y) * real
        v.store(squared, v.at(p_gap, neuron))
        for k, part in enumerate((gap_w, gap_x, gap_y)):
            sum_ptr = v.at(p_sums, edge.type(k * LANES))
            v.store(v.load(sum_ptr) + part * real, sum_ptr)

        big_a = v.maximum(half * (ww + xx) + wx, zero)
        big_b = v.maximum(half * (ww + xx) - wx, zero)
        steps = 2 if v.align == 4 else 3
        margin2 = two * delta
        u_plus = _root(v, big_a, big_b, margin2, steps)
        u_minus = _root(v, big_b, big_a, margin2, steps)
        u_plus = v.where(wx.less(delta), u_plus, zero)
        u_minus = v.where((zero - delta).less(wx), zero - u_minus, zero)
        move_plus, inverse_plus = _move(v, big_a, big_b, u_plus)
        move_minus, inverse_minus = _move(v, big_a, big_b, u_minus)
        move_plus = move_plus + (new_y - one) * (new_y - one)
        move_minus = move_minus + (new_y + one) * (new_y + one)
        minus = move_minus.less(move_plus)
        u = v.where(minus, u_minus, u_plus)
        inverse = v.where(minus, inverse_minus, inverse_plus)
        sign_new = v.where(minus, zero - one, one)
        v.store(u, v.at(p_u, neuron))
        v.store(sign_new, sign_ptr)

        direct = two * inverse - one
        crossed = two * u * inverse
        weigh_1 = keep * v.load(v.at(p_metric, neuron))
        weigh_2 = squared
        for k, coefficient in enumerate(
            (direct * weigh_1, crossed * weigh_1, direct * weigh_2, crossed * weigh_2)
        ):
            v.store(coefficient, v.at(p_coefficients, builder.add(scratch, edge.type(k * LANES))))
        reflected = two * sign_new - new_y
        for sums, weigh in ((p_sum_1, weigh_1), (p_sum_2, weigh_2)):
            sum_ptr = v.at(sums, own)
            v.store(v.load(sum_ptr) + weigh * reflected, sum_ptr)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def reflect_neuron(  # type: ignore[no-untyped-def]
    typingctx, w, x, sources, coefficients, sum_1, sum_2, part_1, part_2, place
):
    """Add one neuron's reflected copies to the sums of projection B, for all lane groups of a block.

    The metric of the next step, ``(1 - gamma) g + gamma gap^2 / mean``, is known only when every gap is.
    It is linear in ``gamma / mean``, so both parts are summed and joined afterwards: with the
    coefficients p, q of `advance_neuron`, part_k[e] = sum over patterns of p_k w + q_k x, and
    sum_k[source] += p_k x + q_k w.

    place: int64 tuple (first edge, fan-in, copies offset, node row offset of the block, nodes, lane
    groups, offset of the block in part_1 and part_2).
    """
    signature = types.void(w, x, sources, coefficients, sum_1, sum_2, part_1, part_2, place)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        v = Vectors(context, builder, sig.args[0].dtype)
        p_w, p_x, p_sources, p_coefficients, p_sum_1, p_sum_2, p_part_1, p_part_2 = (
            v.data(kind, array) for kind, array in zip(sig.args[:8], args[:8], strict=True)
        )
        edge, fan_in, copies, rows, nodes, groups, part = (
            builder.extract_value(args[8], k) for k in range(7)
        )
        width = edge.type(LANES)
        copies_stride = builder.mul(fan_in, width)
        rows_stride = builder.mul(nodes, width)

        def edge_step(j: Any, carried: list[Vector]) -> list[Vector]:
            at_edge = builder.add(edge, j)
            source = builder.load(v.at(p_sources, at_edge))
            at_copy = builder.add(copies, builder.mul(j, width))
            at_row = builder.add(rows, builder.mul(source, width))

            def group_step(group: Any, sums: list[Vector]) -> list[Vector]:
                at = builder.add(at_copy, builder.mul(group, copies_stride))
                old_w, old_x = v.load(v.at(p_w, at)), v.load(v.at(p_x, at))
                scratch = builder.mul(group, edge.type(COEFFICIENTS))
                row = builder.add(at_row, builder.mul(group, rows_stride))
                result = []
                for k, p_sum in enumerate((p_sum_1, p_sum_2)):
                    p, q = (
                        v.load(v.at(p_coefficients, builder.add(scratch, edge.type(i * LANES))))
                        for i in (2 * k, 2 * k + 1)
                    )
                    result.append(sums[k] + p * old_w + q * old_x)
                    sum_ptr = v.at(p_sum, row)
                    v.store(v.load(sum_ptr) + p * old_x + q * old_w, sum_ptr)
                return result

            zero = v.constant(0.0)
            totals = v.loop(groups, [zero, zero], group_step)
            at_part = builder.add(part, at_edge)
            for p_part, total in zip((p_part_1, p_part_2), totals, strict=True):
                builder.store(v.sum(total), v.at(p_part, at_part))
            return carried

        v.loop(fan_in, [], edge_step)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def divide_row(typingctx, sum_1, sum_2, own, shared, out, place, gain):  # type: ignore[no-untyped-def]
    """Set ``out = (sum_1 + gain sum_2) / (own + shared)`` for one node and lane group.

    place: int64 tuple (offset in sum_1, sum_2 and out; offset in own; offset in shared).
    gain: float scalar.
    """
    signature = types.void(sum_1, sum_2, own, shared, out, place, gain)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        v = Vectors(context, builder, sig.args[0].dtype)
        p_sum_1, p_sum_2, p_own, p_shared, p_out = (
            v.data(kind, array) for kind, array in zip(sig.args[:5], args[:5], strict=True)
        )
        row, at_own, at_shared = (builder.extract_value(args[5], k) for k in range(3))
        total = v.load(v.at(p_sum_1, row)) + v.splat(args[6]) * v.load(v.at(p_sum_2, row))
        weight = v.load(v.at(p_own, at_own)) + v.load(v.at(p_shared, at_shared))
        v.store(total / v.maximum(weight, v.constant(_TINY)), v.at(p_out, row))
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
