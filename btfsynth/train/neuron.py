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

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from btfsynth.train.vector import LANES, Vector, Vectors

__all__ = [
    "COEFFICIENTS",
    "LEAST_GAP",
    "MOMENTS",
    "advance_neuron",
    "evaluate_neuron",
    "reflect_neuron",
    "settle_node",
    "sum_metric",
]

COEFFICIENTS = 4 * LANES
"""Elements a lane group needs in the coefficient scratch: p1, q1, p2, q2 (see `reflect_neuron`)."""

MOMENTS = 4 * LANES
"""Elements a lane group needs in the moment scratch: two gaps, |w + x|^2 and |w - x|^2."""

LEAST_GAP = 1e-30
"""Added to every squared gap, far below rounding: where all vanish the metric is drawn to 1, not to 0 / 0."""

_POLE_SINGLE = 1e-6
_POLE_DOUBLE = 1e-12
_TINY = 1e-30


def _root(v: Vectors, big_a: Vector, big_b: Vector, margin2: Vector, steps: int) -> Vector:
    """Return u >= 0 with A/(1-u)^2 - B/(1+u)^2 = margin2 (see the module's docstring).

    With q = sqrt(A s), G = s g, H = -s^2 g' and C = s^3 g'', Halley's step is 2 G H s / (2 H^2 - G C):
    one root and one division.
    """
    one, two, three = v.constant(1.0), v.constant(2.0), v.constant(3.0)
    t = one
    for _ in range(steps):
        s = margin2 * t * t + big_b
        q = v.sqrt(big_a * s)
        value = two * s - t * (s + q)
        slope = s * s + q * big_b
        curvature = three * margin2 * big_b * q * t
        t = t + two * value * slope * s / (two * slope * slope - value * curvature)
    pole = _POLE_SINGLE if v.single else _POLE_DOUBLE
    return v.minimum(t - one, v.constant(1.0 - pole))


def _inverse(v: Vectors, u: Vector) -> Vector:
    """Return 1 / (1 - u^2)."""
    one = v.constant(1.0)
    return one / ((one - u) * (one + u))


def _move(v: Vectors, big_a: Vector, big_b: Vector, u: Vector) -> tuple[Vector, Vector]:
    """Return n and d such that n / d is the squared distance of the move ``u``."""
    one = v.constant(1.0)
    up, down = one + u, one - u
    both = up * down
    return u * u * (big_a * up * up + big_b * down * down), both * both


@intrinsic
def advance_neuron(typingctx, problem, state, scratch, place, numbers):  # type: ignore[no-untyped-def]
    """Move one neuron one step and project it anew, for all lane groups of a block.

    Updates ``w``, ``x`` and ``y`` by beta times (B - A) of the step before, measures its gap, then finds
    the projection to A of the new point and the coefficients that `reflect_neuron` needs. The projections
    come after the updates of all groups: they are long chains of dependent instructions, which run
    side by side only when they stand next to each other.

    problem, state: see `btfsynth.train.kernel`. scratch: its coefficients are set, its moments used, its
    gap_sums (running sums of the w, x and y parts) added to. Changed in the state: w, x, y, multiplier,
    sign, gap, sum_1, sum_2. place: int64 tuple (first edge, fan-in, copies offset, node row offset of the
    block, node, nodes, row of the neuron for the block's first group, neurons, lane groups, lane
    offset of the block). numbers: float tuple (beta, delta, 1 - gamma).
    """
    signature = types.void(problem, state, scratch, place, numbers)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        dtype = sig.args[1][0].dtype
        v = narrow = Vectors(context, builder, dtype)
        wide = Vectors(context, builder, dtype, runs=2)
        given, moving, spare = (v.fields(sig.args[k], args[k]) for k in range(3))
        edge, fan_in, copies, rows, node, nodes, neuron, neurons, groups, lane = (
            builder.extract_value(args[3], k) for k in range(10)
        )
        beta = v.splat(builder.extract_value(args[4], 0))
        width = edge.type(LANES)
        zero = v.constant(0.0)

        def offsets(group: Any) -> tuple[Any, Any]:
            """Return the offsets of a group's node rows and of the neuron's own row there."""
            first = builder.add(rows, builder.mul(group, builder.mul(nodes, width)))
            at_neuron = builder.add(neuron, builder.mul(group, builder.mul(neurons, width)))
            return first, at_neuron

        def update(group: Any, _: list[Vector]) -> list[Vector]:
            first, at_neuron = offsets(group)
            u = v.load(v.at(moving["multiplier"], at_neuron))
            direct = _inverse(v, u)
            crossed = u * direct
            at_copies = builder.add(copies, builder.mul(group, builder.mul(fan_in, width)))

            def edge_step(j: Any, carried: list[Vector]) -> list[Vector]:
                gap_w, gap_x, aa, bb = carried
                at_copy = builder.add(at_copies, builder.mul(j, width))
                at_edge = builder.add(edge, j)
                source = builder.load(v.at(given["sources"], at_edge))
                w_ptr, x_ptr = v.at(moving["w"], at_copy), v.at(moving["x"], at_copy)
                old_w, old_x = v.load(w_ptr), v.load(x_ptr)
                agreed_w = v.splat(builder.load(v.at(moving["weights"], at_edge)))
                row = builder.add(first, builder.mul(source, width))
                agreed_x = v.load(v.at(moving["values"], row))
                d_w = agreed_w - (direct * old_w + crossed * old_x)
                d_x = agreed_x - (direct * old_x + crossed * old_w)
                new_w, new_x = old_w + beta * d_w, old_x + beta * d_x
                v.store(new_w, w_ptr)
                v.store(new_x, x_ptr)
                both, apart = new_w + new_x, new_w - new_x
                return [
                    gap_w + d_w * d_w,
                    gap_x + d_x * d_x,
                    aa + both * both,
                    bb + apart * apart,
                ]

            moments = v.loop(fan_in, [zero] * 4, edge_step)
            at_moments = builder.mul(group, edge.type(MOMENTS))
            for k, moment in enumerate(moments):
                at = builder.add(at_moments, edge.type(k * LANES))
                v.store(moment, v.at(spare["moments"], at))
            return []

        def project(v: Vectors, groups: Sequence[Any]) -> None:
            """Project the neuron for as many groups as a vector of ``v`` has runs."""
            firsts, at_neurons = zip(*(offsets(group) for group in groups), strict=True)
            owns = [builder.add(first, builder.mul(node, width)) for first in firsts]

            def pointers(array: Any, places: Sequence[Any]) -> list[Any]:
                return [v.at(array, place) for place in places]

            def moment(number: int) -> Vector:
                shift = edge.type(number * LANES)
                stride = edge.type(MOMENTS)
                places = [builder.add(builder.mul(group, stride), shift) for group in groups]
                return v.load(*pointers(spare["moments"], places))

            beta, delta, keep = (v.splat(builder.extract_value(args[4], k)) for k in range(3))
            gap_w, gap_x, aa, bb = (moment(k) for k in range(4))
            y, gap_y = _update_output(v, moving, owns, beta)
            lanes = [builder.add(lane, builder.mul(group, width)) for group in groups]
            real = v.load(*pointers(given["valid"], lanes))
            squared = (gap_w + gap_x + gap_y + v.constant(LEAST_GAP)) * real
            v.store(squared, *pointers(moving["gap"], at_neurons))
            for k, part in enumerate((gap_w, gap_x, gap_y)):
                sum_ptr = v.at(spare["gap_sums"], edge.type(k * LANES))
                total = narrow.load(sum_ptr)
                for number in range(v.runs):
                    total = total + v.run(part * real, number)
                narrow.store(total, sum_ptr)
            half = v.constant(0.5)
            u, sign = _project(v, half * aa, half * bb, delta, y)
            v.store(u, *pointers(moving["multiplier"], at_neurons))
            v.store(sign, *pointers(moving["sign"], owns))
            weigh = (keep * v.load(*pointers(moving["metric"], at_neurons)), squared)
            stride = edge.type(COEFFICIENTS)
            scratch_at = [builder.mul(group, stride) for group in groups]
            _store_coefficients(v, pointers(spare["coefficients"], scratch_at), u, weigh)
            reflected = v.constant(2.0) * sign - y
            for name, weight in zip(("sum_1", "sum_2"), weigh, strict=True):
                sum_ptrs = pointers(moving[name], owns)
                v.store(v.load(*sum_ptrs) + weight * reflected, *sum_ptrs)

        def project_pair(pair: Any, _: list[Vector]) -> list[Vector]:
            group = builder.shl(pair, edge.type(1))
            project(wide, [group, builder.add(group, edge.type(1))])
            return []

        one = edge.type(1)
        narrow.loop(groups, [], update)
        pairs = builder.lshr(groups, one)
        wide.when(
            builder.icmp_signed(">", pairs, edge.type(0)),
            lambda: wide.loop(pairs, [], project_pair),
        )
        narrow.when(
            builder.trunc(groups, ir.IntType(1)),
            lambda: project(narrow, [builder.sub(groups, one)]),
        )
        return context.get_dummy_value()

    return signature, codegen


def _update_output(
    v: Vectors, moving: Any, owns: Sequence[Any], beta: Vector
) -> tuple[Vector, Vector]:
    """Move y by a step; return it and its part of the squared gap."""
    values, signs, outputs = (
        [v.at(moving[name], own) for own in owns] for name in ("values", "sign", "y")
    )
    d_y = v.load(*values) - v.load(*signs)
    y = v.load(*outputs) + beta * d_y
    v.store(y, *outputs)
    return y, d_y * d_y


def _project(
    v: Vectors, big_a: Vector, big_b: Vector, delta: Vector, y: Vector
) -> tuple[Vector, Vector]:
    """Return the multiplier u and the output -1/+1 of the projection to A.

    Of the two outputs the one whose total move is shorter is taken; the distances are compared over their
    common denominator.
    """
    zero, one, four = v.constant(0.0), v.constant(1.0), v.constant(4.0)
    wx = v.constant(0.5) * (big_a - big_b)
    steps = 2 if v.single else 3
    margin2 = delta + delta
    u_plus = _root(v, big_a, big_b, margin2, steps)
    u_minus = _root(v, big_b, big_a, margin2, steps)
    u_plus = v.where(wx.less(delta), u_plus, zero)
    u_minus = v.where((zero - delta).less(wx), zero - u_minus, zero)
    move_plus, scale_plus = _move(v, big_a, big_b, u_plus)
    move_minus, scale_minus = _move(v, big_a, big_b, u_minus)
    # (y - 1)^2 - (y + 1)^2 = -4 y
    excess = move_plus * scale_minus - move_minus * scale_plus - four * y * scale_plus * scale_minus
    minus = zero.less(excess)
    return v.where(minus, u_minus, u_plus), v.where(minus, zero - one, one)


def _store_coefficients(
    v: Vectors, pointers: Sequence[Any], u: Vector, weigh: tuple[Vector, Vector]
) -> None:
    """Store p1, q1, p2, q2: the reflection ``p w + q x`` of the copies, times the two weights."""
    two = v.constant(2.0)
    inverse = _inverse(v, u)
    direct, crossed = two * inverse - v.constant(1.0), two * u * inverse
    coefficients = (direct * weigh[0], crossed * weigh[0], direct * weigh[1], crossed * weigh[1])
    for k, coefficient in enumerate(coefficients):
        shift = ir.IntType(64)(k * LANES)
        v.store(coefficient, *(v.at(pointer, shift) for pointer in pointers))


@intrinsic
def reflect_neuron(typingctx, problem, state, scratch, place):  # type: ignore[no-untyped-def]
    """Add one neuron's reflected copies to the sums of projection B, for all lane groups of a block.

    The metric of the next step, ``(1 - gamma) g + gamma gap^2 / mean``, is known only when every gap is.
    It is linear in ``gamma / mean``, so both parts are summed and joined afterwards: with the
    coefficients p, q of `advance_neuron`, part_k[e] = sum over patterns of p_k w + q_k x, and
    sum_k[source] += p_k x + q_k w.

    Changed in the state: sum_1, sum_2, part_1, part_2. place: int64 tuple (first edge, fan-in, copies
    offset, node row offset of the block, nodes, lane groups, offset of the block in part_1 and part_2).
    """
    signature = types.void(problem, state, scratch, place)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        v = Vectors(context, builder, sig.args[1][0].dtype)
        given, moving, spare = (v.fields(sig.args[k], args[k]) for k in range(3))
        edge, fan_in, copies, rows, nodes, groups, part = (
            builder.extract_value(args[3], k) for k in range(7)
        )
        width = edge.type(LANES)
        copies_stride = builder.mul(fan_in, width)
        rows_stride = builder.mul(nodes, width)

        def reflect(edges: Sequence[Any]) -> None:
            """Add the copies of neighbouring edges: they share the loads of the coefficients."""
            at_edges = [builder.add(edge, j) for j in edges]
            at_copies = [builder.add(copies, builder.mul(j, width)) for j in edges]
            at_rows = []
            for at_edge in at_edges:
                source = builder.load(v.at(given["sources"], at_edge))
                at_rows.append(builder.add(rows, builder.mul(source, width)))

            def group_step(group: Any, sums: list[Vector]) -> list[Vector]:
                past_copies = builder.mul(group, copies_stride)
                past_rows = builder.mul(group, rows_stride)
                first = builder.mul(group, edge.type(COEFFICIENTS))
                p_1, q_1, p_2, q_2 = (
                    v.load(v.at(spare["coefficients"], builder.add(first, edge.type(i * LANES))))
                    for i in range(4)
                )
                result = []
                for number, (at_copy, at_row) in enumerate(zip(at_copies, at_rows, strict=True)):
                    at = builder.add(at_copy, past_copies)
                    row = builder.add(at_row, past_rows)
                    old_w, old_x = v.load(v.at(moving["w"], at)), v.load(v.at(moving["x"], at))
                    for k, (name, p, q) in enumerate((("sum_1", p_1, q_1), ("sum_2", p_2, q_2))):
                        result.append(sums[2 * number + k] + p * old_w + q * old_x)
                        sum_ptr = v.at(moving[name], row)
                        v.store(v.load(sum_ptr) + p * old_x + q * old_w, sum_ptr)
                return result

            zero = v.constant(0.0)
            totals = v.loop(groups, [zero] * (2 * len(edges)), group_step)
            for number, at_edge in enumerate(at_edges):
                at_part = builder.add(part, at_edge)
                for k, name in enumerate(("part_1", "part_2")):
                    builder.store(v.sum(totals[2 * number + k]), v.at(moving[name], at_part))

        one = edge.type(1)

        def reflect_pair(pair: Any, _: list[Vector]) -> list[Vector]:
            j = builder.shl(pair, one)
            reflect([j, builder.add(j, one)])
            return []

        pairs = builder.lshr(fan_in, one)
        v.when(
            builder.icmp_signed(">", pairs, edge.type(0)),
            lambda: v.loop(pairs, [], reflect_pair),
        )
        v.when(builder.trunc(fan_in, ir.IntType(1)), lambda: reflect([builder.sub(fan_in, one)]))
        return context.get_dummy_value()

    return signature, codegen


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
