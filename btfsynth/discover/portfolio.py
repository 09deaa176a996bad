"""What each trial of a discovery trains: a fixed cycle of networks and supports around a plan.

A trial's settings follow from its number alone, so that neither the number of workers nor what other
trials came to can matter. The task's own settings come most often, as they reach exact networks soonest;
shallow and wide ones need fewer steps, the others lead to circuits of other shapes. A cycle holds very wide
networks too, for data that nothing smaller fits.

Where all input vectors of seven inputs or more are listed, three trials of four grow the circuit by a cascade
(see `btfsynth.discover.cascade`) instead of training one network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from btfsynth.dataset.dataset import Dataset
from btfsynth.network.topology import Topology, layered
from btfsynth.train.defaults import TrainingPlan
from btfsynth.train.parameters import TrainParameters
from btfsynth.train.session import TrainOptions

__all__ = ["Portfolio", "make_portfolio"]


@dataclass(frozen=True)
class _Variant:
    """How a trial differs from the plan.

    Parameters
    ----------
    widenings
        How often the hidden layers are widened, by the plan's factor.
    layers
        Hidden layers more, or less; one is always left.
    sigma
        What is added to sigma.
    """

    widenings: int = 0
    layers: int = 0
    sigma: float = 0.0


_CYCLE = (
    _Variant(),
    _Variant(widenings=1, layers=-1),
    _Variant(widenings=1),
    _Variant(layers=-1),
    _Variant(),
    _Variant(widenings=2, layers=-1),
    _Variant(layers=1),
    _Variant(widenings=1, sigma=2.0),
    _Variant(widenings=1, layers=-1),
    _Variant(widenings=2),
    _Variant(),
    _Variant(widenings=3),
)


_CASCADE_INPUTS = 7
_NETWORK_EVERY = 4


@dataclass(frozen=True)
class Portfolio:
    """The settings of every trial.

    Parameters
    ----------
    plan
        The data set's plan with the user's options in place.
    vary_network
        False trains the plan's first network always.
    vary_sigma
        False trains with the plan's sigma always.
    cascades
        True grows circuits in most trials.
    """

    plan: TrainingPlan
    vary_network: bool = True
    vary_sigma: bool = True
    cascades: bool = False

    def grows(self, trial: int) -> bool:
        """Tell whether a trial grows its circuit by a cascade."""
        return self.cascades and trial % _NETWORK_EVERY != _NETWORK_EVERY - 1

    def topology(self, trial: int) -> Topology:
        """Return the network of a trial."""
        plan = self.plan
        if plan.topology is not None or not self.vary_network:
            return plan.trial_topology(0)
        variant = _CYCLE[trial % len(_CYCLE)]
        factor = plan.growth**variant.widenings
        hidden = [round(width * factor) for width in plan.widths[1:-1]]
        if variant.layers > 0 and hidden:
            hidden.append(hidden[-1])
        elif variant.layers < 0 and len(hidden) > 1:
            hidden.pop()
        return layered((plan.widths[0], *hidden, plan.widths[-1]), skip=plan.skip)

    def parameters(self, trial: int) -> TrainParameters:
        """Return the training settings of a trial."""
        parameters = self.plan.parameters
        if not self.vary_sigma:
            return parameters
        variant = _CYCLE[trial % len(_CYCLE)]
        return replace(parameters, sigma=parameters.sigma + variant.sigma)


def make_portfolio(dataset: Dataset, plan: TrainingPlan, options: TrainOptions) -> Portfolio:
    """Return the portfolio of a data set's plan; what the user set himself is not varied."""
    own_network = options.widths is not None or options.topology is not None
    return Portfolio(
        plan,
        vary_network=not own_network,
        vary_sigma=options.sigma is None,
        cascades=dataset.exhaustive and dataset.n_inputs >= _CASCADE_INPUTS and not own_network,
    )
