"""From samples of a function to a circuit that is right on vectors nobody has shown it."""

from btfsynth.learn.learning import LearnOptions, LearnReport, Score, Watcher, learn

__all__ = ["LearnOptions", "LearnReport", "Score", "Watcher", "learn"]
