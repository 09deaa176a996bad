"""One neuron or node over all patterns of a block, as LLVM vector code.

A neuron moves, is projected to A and reflected; a node takes its consensus value; a trained neuron its sign.

Notation of Elser & Lal, "Learning with Boolean threshold functions" (arXiv 2602.17493): a neuron of
fan-in m holds, for every pattern, copies ``w`` and ``x`` of its weights and inputs and its output ``y``.
Constraint A is ``y in {-1, +1}`` and ``y (w . x) >= delta``. With ``a = (w + x) / sqrt 2`` and
``b = (w - x) / sqrt 2`` the nearest point with ``w . x = c`` is ``a / (1 - u)``, ``b / (1 + u)``, so
the whole projection is one scalar ``u`` per neuron and pattern:

    w' = (w + u x) / (1 - u^2),    x' = (x + u w) / (1 - u^2)

If the constraint is violated, set ``t = 1 + u``, ``A = |a|^2``, ``B = |b|^2`` and c > 0 (c < 0
swaps A and B and the sign of u). The condition ``A / (1-u)^2 - B / (1+u)^2 = 2 c`` reads

    g(t) = 2 - t - t sqrt(A / s),    s = 2 c t^2 + B,

which is decreasing, convex and close to a straight line on 1 <= t <= 2, at the poles too. Halley's method
from t = 1 needs no safeguard: over A and B of twelve decades its error is at most 4e-8 after two steps and
below double precision after three.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numba.core import types
from numba.extending import intrinsic

from btfsynth.training.vector import LANES, Vector, Vectors, register_runs

_POLE_SINGLE = 1e-6
_POLE_DOUBLE = 1e-12


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


def inverse_scale(v: Vectors, u: Vector) -> Vector:
    """Return 1 / (1 - u^2)."""
    one = v.constant(1.0)
    return one / ((one - u) * (one + u))


def _move(v: Vectors, big_a: Vector, big_b: Vector, u: Vector) -> tuple[Vector, Vector]:
    """Return n and d such that n / d is the squared distance of the move ``u``."""
    one = v.constant(1.0)
    up, down = one + u, one - u
    both = up * down
    return u * u * (big_a * up * up + big_b * down * down), both * both


def project_output(
    v: Vectors, big_a: Vector, big_b: Vector, delta: Vector, y: Vector
) -> tuple[Vector, Vector]:
    """Return the multiplier u and the output -1/+1 of the projection to A.

    The output with the shorter total move is chosen; the distances are compared over their common denominator.
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


COEFFICIENTS = 4 * LANES
"""Elements a lane group needs in the coefficient scratch: p1, q1, p2, q2 (see `reflect_neuron`)."""

MOMENTS = 4 * LANES
"""Elements a lane group needs in the moment scratch: two gaps, |w + x|^2 and |w - x|^2."""

LEAST_GAP = 1e-30
"""Added to every squared gap, far below rounding: where all vanish the metric is drawn to 1, not to 0 / 0."""


@intrinsic
def advance_neuron(typingctx, problem, state, scratch, place, numbers):  # type: ignore[no-untyped-def]
    """Move one neuron one step and project it again, for all lane groups of a block.

    Updates ``w``, ``x`` and ``y`` by beta times (B - A) of the step before, measures its gap, then finds
    the projection to A of the new point and the coefficients that `reflect_neuron` needs. The projections
    come after the updates of all groups: they are long chains of dependent instructions, which run
    side by side only when they stand next to each other, two registers at a time.

    It also prefetches w of the next neuron, whose copies follow in memory, so that this function and
    `reflect_neuron` spread the reads evenly.

    problem, state: see `btfsynth.training.kernel`. scratch: its coefficients are set, its moments used, its
    gap_sums (running sums of the w, x and y parts) added to. Changed in the state: w, x, y, multiplier,
    sign, gap, sum_1, sum_2. place: int64 tuple (first edge, fan-in, copies offset, node row offset of the
    block, node, nodes, row of the neuron for the block's first group, neurons, lane groups, lane
    offset of the block). numbers: float tuple (beta, delta, 1 - gamma).
    """
    signature = types.void(problem, state, scratch, place, numbers)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        dtype = sig.args[1][0].dtype
        v = Vectors(context, builder, dtype)
        given, moving, spare = (v.fields(sig.args[k], args[k]) for k in range(3))
        place = [builder.extract_value(args[3], k) for k in range(10)]
        numbers = [builder.extract_value(args[4], k) for k in range(3)]
        advance = _Advance(given, moving, spare, place, numbers)
        runs = register_runs(dtype)
        v.share(advance.groups, runs, advance.update)
        v.share(advance.groups, 2 * runs, advance.project)
        return context.get_dummy_value()

    return signature, codegen


class _Advance:
    """The code of `advance_neuron`, for as many lane groups at a time as a vector has runs."""

    def __init__(
        self, given: Any, moving: Any, spare: Any, place: Sequence[Any], numbers: Sequence[Any]
    ) -> None:
        self.given, self.moving, self.spare, self.numbers = given, moving, spare, numbers
        (
            self.edge, self.fan_in, self.copies, self.rows, self.node, self.nodes,
            self.neuron, self.neurons, self.groups, self.lane,
        ) = place  # fmt: skip

    def _at_neurons(self, v: Vectors, groups: Sequence[Any]) -> list[Any]:
        """Return where the neuron's row is for each group."""
        return v.rows(self.neuron, self.neurons, groups)

    def update(self, v: Vectors, groups: Sequence[Any]) -> None:
        """Move the copies of some groups; keep the moments of the new ones and the gaps."""
        builder, moving, size = v.builder, self.moving, self.edge.type
        beta, zero = v.splat(self.numbers[0]), v.constant(0.0)
        u = v.load_at(moving["multiplier"], self._at_neurons(v, groups))
        direct = inverse_scale(v, u)
        crossed = u * direct
        firsts = v.rows(self.rows, self.nodes, groups)
        runs = v.rows(self.copies, self.fan_in, groups)
        all_copies = builder.mul(builder.mul(self.fan_in, self.groups), size(LANES))
        ahead = builder.add(runs[0], all_copies)

        def edge_step(j: Any, carried: list[Vector]) -> list[Vector]:
            gap_w, gap_x, aa, bb = carried
            past = builder.mul(j, size(LANES))
            at_copies = [builder.add(run, past) for run in runs]
            coming = builder.add(ahead, builder.mul(j, size(v.lanes)))
            v.prefetch(moving["w"], coming, v.lanes)
            at_edge = builder.add(self.edge, j)
            source = builder.mul(builder.load(v.at(self.given["sources"], at_edge)), size(LANES))
            at_values = [builder.add(first, source) for first in firsts]
            old_w, old_x = (v.load_at(moving[name], at_copies) for name in ("w", "x"))
            agreed_w = v.splat(builder.load(v.at(moving["weights"], at_edge)))
            agreed_x = v.load_at(moving["values"], at_values)
            d_w = agreed_w - (direct * old_w + crossed * old_x)
            d_x = agreed_x - (direct * old_x + crossed * old_w)
            new_w, new_x = old_w + beta * d_w, old_x + beta * d_x
            v.store_at(new_w, moving["w"], at_copies)
            v.store_at(new_x, moving["x"], at_copies)
            both, apart = new_w + new_x, new_w - new_x
            return [
                gap_w + d_w * d_w,
                gap_x + d_x * d_x,
                aa + both * both,
                bb + apart * apart,
            ]

        for number, moment in enumerate(v.loop(self.fan_in, [zero] * 4, edge_step)):
            v.store_at(moment, self.spare["moments"], self._at_moments(v, groups, number))

    def _at_moments(self, v: Vectors, groups: Sequence[Any], number: int) -> list[Any]:
        """Return where one of the four moments is for each group."""
        size = self.edge.type
        return v.rows(size(number * LANES), size(MOMENTS // LANES), groups)

    def project(self, v: Vectors, groups: Sequence[Any]) -> None:
        """Project the neuron for some groups, and store what the sums of projection B need."""
        moving, at_neurons = self.moving, self._at_neurons(v, groups)
        size = self.edge.type
        beta, delta, keep = (v.splat(number) for number in self.numbers)
        gap_w, gap_x, aa, bb = (
            v.load_at(self.spare["moments"], self._at_moments(v, groups, k)) for k in range(4)
        )
        own = v.builder.add(self.rows, v.builder.mul(self.node, size(LANES)))
        owns = v.rows(own, self.nodes, groups)
        d_y = v.load_at(moving["values"], owns) - v.load_at(moving["sign"], owns)
        y = v.load_at(moving["y"], owns) + beta * d_y
        v.store_at(y, moving["y"], owns)
        gap_y = d_y * d_y
        real = v.load_at(self.given["valid"], v.rows(self.lane, size(1), groups))
        squared = (gap_w + gap_x + gap_y + v.constant(LEAST_GAP)) * real
        v.store_at(squared, moving["gap"], at_neurons)
        self._add_to_gap_sums(v, [part * real for part in (gap_w, gap_x, gap_y)])
        half = v.constant(0.5)
        u, sign = project_output(v, half * aa, half * bb, delta, y)
        v.store_at(u, moving["multiplier"], at_neurons)
        v.store_at(sign, moving["sign"], owns)
        weigh = (keep * v.load_at(moving["metric"], at_neurons), squared)
        self._store_coefficients(v, groups, u, weigh)
        reflected = v.constant(2.0) * sign - y
        for name, weight in zip(("sum_1", "sum_2"), weigh, strict=True):
            v.store_at(v.load_at(moving[name], owns) + weight * reflected, moving[name], owns)

    def _add_to_gap_sums(self, v: Vectors, parts: Sequence[Vector]) -> None:
        """Add the parts of the gap to their running sums, group by group whatever the width."""
        narrow = v.with_runs(1)
        for k, part in enumerate(parts):
            at_sum = [self.edge.type(k * LANES)]
            total = narrow.load_at(self.spare["gap_sums"], at_sum)
            for number in range(v.runs):
                total = total + v.run(part, number)
            narrow.store_at(total, self.spare["gap_sums"], at_sum)

    def _store_coefficients(
        self, v: Vectors, groups: Sequence[Any], u: Vector, weigh: tuple[Vector, Vector]
    ) -> None:
        """Store p1, q1, p2, q2: the reflection ``p w + q x`` of the copies, times the two weights."""
        two = v.constant(2.0)
        inverse = inverse_scale(v, u)
        direct, crossed = two * inverse - v.constant(1.0), two * u * inverse
        coefficients = (
            direct * weigh[0],
            crossed * weigh[0],
            direct * weigh[1],
            crossed * weigh[1],
        )
        size = self.edge.type
        for k, coefficient in enumerate(coefficients):
            places = v.rows(size(k * LANES), size(COEFFICIENTS // LANES), groups)
            v.store_at(coefficient, self.spare["coefficients"], places)


@intrinsic
def reflect_neuron(typingctx, problem, state, scratch, place):  # type: ignore[no-untyped-def]
    """Add one neuron's reflected copies to the sums of projection B, for all lane groups of a block.

    The metric of the next step, ``(1 - gamma) g + gamma gap^2 / mean``, is known only when every gap is.
    It is linear in ``gamma / mean``, so both parts are summed and joined afterwards: with the
    coefficients p, q of `advance_neuron`, part_k[e] = sum over patterns of p_k w + q_k x, and
    sum_k[source] += p_k x + q_k w.

    Meanwhile it asks for x of the next neuron, as `advance_neuron` does for w.

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
        next_copies = builder.add(copies, builder.mul(groups, copies_stride))

        def reflect(j: Any, count: int) -> None:
            """Add the copies of neighbouring edges: they share the loads of the coefficients."""
            edges = [builder.add(j, edge.type(k)) for k in range(count)]
            at_edges = [builder.add(edge, each) for each in edges]
            at_copies = [builder.add(copies, builder.mul(each, width)) for each in edges]
            at_rows = []
            for at_edge in at_edges:
                source = builder.load(v.at(given["sources"], at_edge))
                at_rows.append(builder.add(rows, builder.mul(source, width)))
            ahead = builder.add(next_copies, builder.mul(builder.mul(j, groups), width))

            def group_step(group: Any, sums: list[Vector]) -> list[Vector]:
                past_copies = builder.mul(group, copies_stride)
                past_rows = builder.mul(group, rows_stride)
                first = builder.mul(group, edge.type(COEFFICIENTS))
                # In the order of the addresses, as the memory likes it, not in that of the edges.
                coming = builder.add(ahead, builder.mul(group, edge.type(count * LANES)))
                v.prefetch(moving["x"], coming, count * LANES)
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
            totals = v.loop(groups, [zero] * (2 * count), group_step)
            for number, at_edge in enumerate(at_edges):
                at_part = builder.add(part, at_edge)
                for k, name in enumerate(("part_1", "part_2")):
                    builder.store(v.sum(totals[2 * number + k]), v.at(moving[name], at_part))

        v.halve(fan_in, 2, reflect)
        return context.get_dummy_value()

    return signature, codegen


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
