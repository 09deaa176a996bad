"""From samples of a function to a circuit that is right on vectors it was not shown."""

from btfsynth.learning.base import LearnOptions
from btfsynth.learning.learning import learn
from btfsynth.learning.report import LearnReport, Score

__all__ = ["LearnOptions", "LearnReport", "Score", "learn"]
