"""Where threads of one training wait for each other, inside compiled code.

A step of a small problem takes microseconds, and to wake a thread that sleeps takes tens of them. The
threads of a team therefore count themselves in and look until all have; who looks for long lets others have
the processor between two looks.
"""

from __future__ import annotations

import platform
import sys
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import impl_ret_untracked
from numba.extending import intrinsic
from numba.np import arrayobj

_LOOKS = 2000
"""Looks, some tens of nanoseconds each, before the processor is offered to others."""

_YIELD = "SwitchToThread" if sys.platform == "win32" else "sched_yield"
_X86 = platform.machine().lower() in ("x86_64", "amd64", "i686")


@intrinsic
def meet(typingctx, arrived, everybody):  # type: ignore[no-untyped-def]
    """Count the caller in and wait until ``arrived[0]`` is ``everybody`` or more; return nothing.

    arrived: int64 array (1,), the count that all threads of a team share; it is never set back, so the n-th
    meeting of m threads waits for n m. What a thread wrote before a meeting, all see after it.
    """
    signature = types.void(arrived, everybody)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        count = arrayobj.make_array(sig.args[0])(context, builder, args[0]).data
        kind = ir.IntType(64)
        builder.atomic_rmw("add", count, kind(1), "acq_rel")
        looks = cgutils.alloca_once_value(builder, kind(0))
        look, again, offer, over = (
            builder.append_basic_block(f"meet.{name}")
            for name in ("look", "again", "offer", "over")
        )
        builder.branch(look)
        builder.position_at_end(look)
        now = builder.load_atomic(count, "acquire", 8)
        builder.cbranch(builder.icmp_signed(">=", now, args[1]), over, again)
        builder.position_at_end(again)
        if _X86:
            pause = ir.FunctionType(ir.VoidType(), [])
            builder.call(
                cgutils.get_or_insert_function(builder.module, pause, "llvm.x86.sse2.pause"), []
            )
        done = builder.add(builder.load(looks), kind(1))
        builder.store(done, looks)
        builder.cbranch(builder.icmp_signed("<", done, kind(_LOOKS)), look, offer)
        builder.position_at_end(offer)
        builder.store(kind(0), looks)
        function = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, function, _YIELD), [])
        builder.branch(look)
        builder.position_at_end(over)
        return impl_ret_untracked(context, builder, sig.return_type, context.get_dummy_value())

    return signature, codegen
