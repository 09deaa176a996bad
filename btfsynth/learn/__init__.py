"""From samples of a function to a circuit that is right on vectors it was not shown."""

from btfsynth.learn.base import LearnOptions
from btfsynth.learn.learning import learn
from btfsynth.learn.report import LearnReport, Score

__all__ = ["LearnOptions", "LearnReport", "Score", "learn"]
