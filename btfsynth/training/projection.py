"""The projection of one neuron to constraint A, on vectors of patterns.

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

from btfsynth.training.vector import Vector, Vectors

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
