"""A search that was interrupted and continued ends like one that ran through."""

from __future__ import annotations

from fractions import Fraction

import pytest
from circuits import array_multiplier

from btfsynth.approximation.search import ApproximateOptions, approximate
from btfsynth.events import ApproximationStatus
from btfsynth.settings.table import Metric
from btfsynth.workers.executor import local_executor

BOUNDED = {"bounds": {Metric.WCE: Fraction(4)}, "sweeps": 3}  # 2 bounds in a sweep, 24 walks
FRONT = {"metric": Metric.WCE, "sweeps": 1}  # 8 bounds


class _KilledError(BaseException):
    """Not handled, as a signal that ends the process."""


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def run(folder, settings, resume=False, stop=None):
    """Search; `stop` is an exception and the walk after which it is raised."""
    walks = 0

    def listen(event):
        nonlocal walks
        if isinstance(event, ApproximationStatus):
            walks += 1
            if stop is not None and walks == stop[1]:
                raise stop[0]

    options = ApproximateOptions(jobs=1, **settings)
    approximate(
        array_multiplier(3, 3),
        folder,
        options,
        resume=resume,
        on_event=listen,
        executor=local_executor,
    )
    return walks


@pytest.mark.parametrize("settings", [BOUNDED, FRONT])
@pytest.mark.parametrize("kind", [KeyboardInterrupt, _KilledError])
def test_a_resumed_search_ends_with_the_same_files(tmp_path, settings, kind):
    through, folder = tmp_path / "through", tmp_path / "resumed"
    whole = run(through, settings)
    run_walks = []
    for number, step in enumerate((3, 5, 2, 100)):  # amid the walks at a bound, and at its end
        stop = (kind, step) if step < whole else None
        try:
            run_walks.append(run(folder, settings, resume=number > 0, stop=stop))
        except _KilledError:
            run_walks.append(step)
    if kind is KeyboardInterrupt:
        assert sum(run_walks) == whole  # none is repeated
    assert files(folder) == files(through)


def test_a_finished_search_is_not_repeated(tmp_path):
    """It goes on where more sweeps are wanted."""
    one = {**BOUNDED, "sweeps": 1}
    walks = run(tmp_path, one)
    before = files(tmp_path)
    assert run(tmp_path, one, resume=True) == 0
    assert files(tmp_path) == before
    more = run(tmp_path, {**BOUNDED, "sweeps": 2}, resume=True)
    assert more == run(tmp_path / "through", {**BOUNDED, "sweeps": 2}) - walks
