"""Every setting of the program, described once.

The checks and defaults of the classes of options, the options of the command line, the keys of the run file and
the tables of the documentation all derive from this file. A name used in several places is one setting; a place
with another default or range uses `Setting.but`. This file imports nothing that computes, so that the help of a
command appears at once.
"""

from __future__ import annotations

from enum import Enum

from btfsynth.settings.setting import (
    Choice,
    Columns,
    File,
    Flag,
    Names,
    Real,
    Setting,
    Source,
    Stages,
    Text,
    Weights,
    Whole,
    Widths,
    sections,
    table,
)


class StopRule(str, Enum):
    """The rule that ends a trial before its last iteration.

    It does not decide which network a trial returns, with one exception: a trial that stops because every
    target is right returns its last network (see `btfsynth.training.trainer.train_trial`).
    """

    EXACT = "exact"
    """The network, read as sign(W . x), gets every target right."""
    GAP = "gap"
    """The gap is below its limit."""
    BOTH = "both"
    """The gap is below its limit and every target is right."""
    NONE = "none"
    """Only the iteration limit ends a trial."""


class Preserve(str, Enum):
    """The two meanings of "the same function"."""

    NETWORK = "network"
    """Equal to the trained network, or to the given netlist, on every input vector."""
    CARE = "care"
    """Equal to the targets, except don't-cares."""


class Conflicts(str, Enum):
    """Treatment of patterns with equal inputs but different targets."""

    ERROR = "error"
    """They are refused."""
    MAJORITY = "majority"
    """Each gets the most frequent target of its group; a tie becomes a don't-care."""
    DROP = "drop"
    """They are dropped."""
    KEEP = "keep"
    """They stay as they are."""


class Objective(str, Enum):
    """The cost that the best circuit minimises."""

    CELLS = "cells"
    DEPTH = "depth"
    CELLS_DEPTH = "cells*depth"
    LUT6 = "lut6"
    """6-input lookup tables of an FPGA; not for discoveries."""


class Metric(str, Enum):
    """How far an approximate circuit is from the exact one (see `btfsynth.verify.error_metrics`)."""

    WCE = "wce"
    """Largest absolute error."""
    MAE = "mae"
    """Mean absolute error."""
    MSE = "mse"
    """Mean squared error."""
    EP = "ep"
    """Share of input vectors with any error."""
    MRE = "mre"
    """Mean relative error."""
    WCRE = "wcre"
    """Largest relative error."""


class LutCount(str, Enum):
    """What counts the lookup tables of a circuit."""

    ESTIMATE = "estimate"
    YOSYS = "yosys"


class Basis(str, Enum):
    """The cells of a circuit; complements are free in all of them."""

    MAJ = "maj"
    """Majorities of three, AND and OR among them."""
    XMG = "xmg"
    """These, and parities of two and of three."""
    AIG = "aig"
    """AND and OR."""
    XAG = "xag"
    """AND, OR and parities of two."""

    @property
    def parities(self) -> bool:
        return self in (Basis.XMG, Basis.XAG)

    @property
    def three(self) -> bool:
        """Whether a cell may read three signals."""
        return self in (Basis.MAJ, Basis.XMG)


class Effort(str, Enum):
    """Effort of an optimisation whose passes are not given."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class Share(str, Enum):
    """Known symmetry of the outputs of a function."""

    NONE = "none"
    CYCLIC = "cyclic"
    """All outputs are the same function of the rotated inputs, as in a cellular automaton."""


EXACT, AUTO, LABELS, SPARSE = "exact", "auto", "labels", "sparse"
"""Rules for weights in hardware."""
MAX_WEIGHT_BITS = 12
"""Maximum bits of an integer weight: with the largest code, weights of bits are exact in single precision."""

LEARNERS = (
    "circuit",
    "constant",
    "polynomial",
    "symmetric",
    "support",
    "tree",
    "fringe",
    "rules",
    "gradient",
    "boosting",
    "btf",
    "vote",
)
"""Names of the learners, in the order in which they run."""

ALL_SIMULATORS = "all"
"""The name of all simulators that fit a design; each of them is then required."""
PARSED_CHECK = "parsed_verilog"
"""Name of the check that reads the Verilog back, which may be listed among simulators."""

DEPTH_SCRIPT = "depth"
"""The script for an objective other than cells."""
SCRIPTS = ("light", "fast", "size", "table", "best", "depth")
"""Names of scripts of passes."""

MAX_LATENCY = 1000
DEFAULT_STAGE_DEPTH = 4
"""Default depth of a pipeline stage, in cells: about two levels of 4-input lookup tables."""

DEFAULT_TIME_LIMIT = 60.0
"""Seconds of a discovery or of learning if neither time nor trials are given."""
DEFAULT_MAX_CELLS, UNLIMITED = 5000, 2**31 - 1
"""Maximum cells of a learned circuit, without and with a limit in lookup tables."""

_SECONDS = Real("a number of seconds above 0", lambda value: value > 0, "SECONDS")

# Settings of several places.

_SEED = Setting("seed", Whole(0), "Random seed; the same seed gives the same result.", 1)
_JOBS = Setting("jobs", Whole(1, 256), "Trials to run in parallel; does not change the result.", 1)
_TIME_LIMIT = Setting(
    "time_limit", _SECONDS, "Stop after SECONDS.", otherwise="none", formerly="time"
)
_SCRIPT = Text("a script of passes", "SCRIPT", "btfsynth.passes.registry:parse_script")
_PASSES = Setting(
    "passes",
    _SCRIPT,
    f"Optimiser passes: {', '.join(SCRIPTS[:-1])} or {SCRIPTS[-1]}, or a list such as 'strash; resub "
    "--patience 500'.",
    "size",
    heading="Netlist options",
)
_SIMULATORS = Setting(
    "simulators",
    Names("btfsynth.sim.registry:SIMULATORS", "NAME", (PARSED_CHECK, ALL_SIMULATORS)),
    f"Simulator to run: {{names}}, or {ALL_SIMULATORS}, which requires every simulator; repeatable.",
    otherwise="all installed",
    option="--simulator",
    section="check",
)
_TIMEOUT = Setting(
    "timeout",
    _SECONDS,
    "Stop a simulator after SECONDS; it then counts as not run.",
    otherwise="600, more for a simulator on a large design",
    section="check",
)

# What a run reads: named in its run file, with the hash of the content.

_HASH = Setting(
    "hash",
    Text("64 hexadecimal digits", pattern="[0-9a-f]{64}"),
    "SHA-256 of the patterns of `source`; other patterns are an error.",
)

INPUTS = table(
    Setting("source", Source(), "What to learn: a task or a file."),
    _HASH,
    Setting(
        "outputs",
        Columns(),
        "Output columns of a CSV file: the last N, or NAMES separated by commas.",
        otherwise="from the header",
    ),
    Setting(
        "conflicts",
        Choice(Conflicts),
        "Rows with equal inputs and different targets: error, majority (a tie is a don't-care), drop or keep.",
        otherwise="error",
        more="With any choice but error, a validation or test set keeps such rows.",
    ),
    Setting(
        "name",
        Text(
            "a letter, then letters, digits and _",
            "NAME",
            "btfsynth.netlist.identifiers:require_module_name",
        ),
        "Name of module and files.",
        otherwise="from the task or the file",
    ),
    Setting(
        "valid",
        Source(),
        "Validation set: its accuracy is reported, and its patterns become test vectors of the hardware.",
        formerly="held_out",
    ),
    _HASH.but(
        name="valid_hash",
        help="SHA-256 of the patterns of `valid`; other patterns are an error.",
        formerly="held_out_hash",
    ),
    Setting(
        "network",
        File(),
        "Start from this trained network (.npz, .sol, .net) instead of training one.",
    ),
    _HASH.but(name="network_hash", help="SHA-256 of the file `network`."),
    Setting(
        "topology",
        File("FILE.net"),
        "Train the graph in this file instead of layers.",
        more="The file has the header 'nodes inputs+1 outputs edges', then 'receiver sender weight' per edge.",
        section="train",
        heading="Training options",
    ),
    _HASH.but(name="topology_hash", help="SHA-256 of the file `topology`.", section="train"),
    section="data",
)

# Classes of options: field by field.

TRAIN = table(
    _SEED,
    Setting("trials", Whole(1, 100_000), "Maximum number of random starts.", 40),
    _JOBS,
    Setting(
        "threads",
        Whole(1, 256),
        "Threads per large trial; does not change the result.",
        1,
    ),
    _TIME_LIMIT.but(
        help="Stop after SECONDS and keep the best network.",
        more="'build' uses the remaining time for passes, proofs and simulators, and skips what does not fit.",
    ),
    Setting(
        "widths",
        Widths(),
        "Inputs, neurons of each hidden layer, outputs; or a .wth file.",
        otherwise="by task or data, growing from trial to trial",
    ),
    Setting(
        "skip",
        Flag(),
        "Connect the inputs to every layer, not only to the first.",
        otherwise="by task",
    ),
    Setting(
        "sigma",
        Real("a number above 1", lambda value: value > 1),
        "Support: a neuron converges to at most X inputs (X rounded down to an odd number); above 1.",
        otherwise="by task",
    ),
    Setting(
        "beta",
        Real("a number above 0 and below 2", lambda value: 0 < value < 2),
        "Step size of an iteration, above 0 and below 2.",
        otherwise="by task",
    ),
    Setting(
        "gamma",
        Real("a number from 0 to below 1", lambda value: 0 <= value < 1),
        "Rate at which the metric follows the gap, from 0 to below 1.",
        otherwise="by task",
    ),
    Setting(
        "max_iterations",
        Whole(1),
        "Maximum iterations per trial.",
        otherwise="by task",
        formerly="iterations",
    ),
    Setting(
        "stop",
        Choice(StopRule),
        "Stop a trial when all targets are right (exact), the gap is small (gap), both hold (both), or only at "
        "`max_iterations` (none).",
        otherwise="exact",
    ),
    Setting(
        "gap_limit",
        Real("a number above 0", lambda value: value > 0),
        "Gap below which `stop=gap` and `stop=both` stop a trial.",
        otherwise="0.01",
        formerly="gap",
    ),
    Setting(
        "precision",
        Choice((32, 64), words="32 or 64"),
        "Floating-point bits in training.",
        otherwise="32",
    ),
    Setting(
        "votes",
        Whole(1, 100_000),
        "Train a sum of votes instead of layers: up to N threshold neurons of six inputs per output.",
        otherwise="layers",
        more="For noisy samples and classes. Each vote is trained on the errors of those before it. The "
        "validation set or cross-fitting selects how many are kept.",
    ),
    Setting(
        "max_luts",
        Whole(1),
        "Keep as many `votes` as fit in N 6-input lookup tables, by an estimate.",
        otherwise="no limit",
    ),
    Setting(
        "max_loss",
        Real("a number from 0 to below 100", lambda value: 0 <= value < 100),
        "Keep the fewest `votes` whose accuracy is at most X percentage points below the best.",
        otherwise="0",
    ),
    section="train",
    heading="Training options",
)

TRIAL = table(
    TRAIN["sigma"].but(default=3.0),
    TRAIN["beta"].but(default=0.5),
    TRAIN["gamma"].but(default=3e-3),
    TRAIN["max_iterations"].but(default=20_000),
    TRAIN["stop"].but(default=StopRule.EXACT),
    TRAIN["gap_limit"].but(default=0.01),
    TRAIN["precision"].but(default=32),
    Setting(
        "check_interval",
        Whole(1),
        "Iterations between two checks of the targets.",
        10,
    ),
)
"""Settings of one trial; settings of a training that are None take the task's value."""

HARDWARE = table(
    Setting(
        "pipeline",
        Stages(MAX_LATENCY, DEFAULT_STAGE_DEPTH),
        f"Register stages: N (0: combinational), or auto: enough for a logic depth of at most DEPTH "
        f"({DEFAULT_STAGE_DEPTH} if omitted) per stage.",
        0,
        more="A pipelined design accepts a new input every clock.",
    ),
    Setting(
        "enable",
        Flag(),
        "Add a clock-enable port 'en' to a pipelined design.",
        False,
    ),
    Setting("reset", Flag(), "Add a synchronous reset port 'rst' to a pipelined design.", False),
    Setting(
        "stream",
        Flag(),
        "Add an Amaranth wrapper with ready/valid streams; implies a pipeline, `enable` and `reset`.",
        False,
    ),
    Setting(
        "cells",
        Flag(),
        "Write the Verilog as instances of AND, OR, majority and inverter modules, plus a file of these.",
        False,
    ),
    Setting(
        "formats",
        Names("btfsynth.hdl.formats:folder_formats", "F[,F...]"),
        "Netlist files to add: {names}; repeatable.",
        (),
        option="--format",
    ),
    section="hardware",
    heading="Hardware options",
)

_OBJECTIVE = Setting(
    "objective",
    Choice(Objective),
    "Cost by which the best netlist of all passes is chosen.",
    otherwise="the last netlist is returned",
    heading="Netlist options",
    more="lut6 counts 6-input lookup tables and runs the passes from several starts.",
)
_MAX_DEPTH = Setting(
    "max_depth",
    Whole(1),
    "Maximum logic depth in cells.",
    otherwise="no limit, but a pass adds depth only if it saves cells",
    heading="Netlist options",
)

BUILD = table(
    Setting(
        "weights",
        Weights((EXACT, AUTO, LABELS, SPARSE), MAX_WEIGHT_BITS),
        "Rounding of the weights for hardware: exact, auto, labels, sparse, or integers of BITS bits.",
        otherwise="auto for coded analog inputs, else exact",
        more="exact keeps the trained weights; auto rounds each neuron's weights to the smallest integers that "
        "keep its output on all patterns; labels does this also for the validation set and mixtures of "
        "patterns, and checks every label; sparse first refits the network with few nonzero weights, then "
        "rounds as auto.",
    ),
    Setting(
        "label",
        Flag(),
        "Add the port 'class_number', the class with the largest sum (the first one of a tie).",
        False,
    ),
    _PASSES.but(
        default=None,
        otherwise="size; fast from 5,000 cells, light from 100,000; depth if `objective` is not cells",
    ),
    _OBJECTIVE.but(kind=Choice(Objective, omit=(Objective.LUT6,)), more=""),
    _MAX_DEPTH,
    Setting(
        "preserve",
        Choice(Preserve),
        "What the netlist keeps: the targets of the patterns (care) or the network on every input (network).",
        otherwise="care if the patterns are complete, else network",
        heading="Netlist options",
    ),
    _SIMULATORS,
    _TIMEOUT,
    Setting(
        "code",
        Text("a code such as binary:4", "CODE", "btfsynth.dataset.code:parse_code", keep=True),
        "Code that turns analog inputs or a table into bits: binary:K, levels:N, thermometer:K, threshold:X, "
        "auto, quantile:K or tree:K; COLUMN=CODE for one column.",
        more="binary:K rounds v to K bits, levels:N to N steps; bit i of thermometer:K is v >= (i + 0.5) / K; "
        "threshold:X is the one bit v >= X. quantile:K and tree:K choose K thresholds per column from the "
        "training rows, auto is quantile:7. Words become one bit per category. With binary and levels, "
        "networks are trained on the rounded values of analog inputs, with every other code on the bits.",
        section="data",
    ),
    Setting(
        "missing",
        Choice(("impute", "error")),
        "Missing inputs of a table: impute (median or most frequent word of the training rows) or error.",
        otherwise="impute",
        section="data",
    ),
    section="netlist",
)

_SEARCH = (
    _TIME_LIMIT.but(otherwise=f"{DEFAULT_TIME_LIMIT:g} if `trials` is not given, else none"),
    TRAIN["trials"].but(kind=Whole(1), default=None, otherwise="no limit", section=""),
)

SIMPLIFY = table(
    _OBJECTIVE.but(otherwise="the last netlist is returned; cells if `passes` is not given"),
    _MAX_DEPTH,
    _TIME_LIMIT.but(help="Stop after SECONDS, proof included, and keep the best netlist."),
    Setting(
        "effort",
        Choice(Effort),
        "Slowest script that may be chosen if `passes` is not given: fast (low), size or table (normal), or "
        "best (high). Large netlists and a short `time_limit` get a faster one.",
        Effort.NORMAL,
    ),
    Setting(
        "basis",
        Choice(Basis),
        "Cells of the result: maj (majorities, AND, OR), xmg (these, and XOR of two and three), aig (AND, OR) "
        "or xag (AND, OR, XOR).",
        Basis.MAJ,
        more="The passes work on majorities; a netlist of another basis is made from their result.",
    ),
    heading="Netlist options",
)

IMPORT = table(
    _PASSES.but(default=None, otherwise="by cells, effort and time limit", section=""),
    _OBJECTIVE.but(otherwise="the last netlist is returned; cells if `passes` is not given"),
    _MAX_DEPTH,
    SIMPLIFY["time_limit"].but(heading="Netlist options"),
    SIMPLIFY["effort"].but(heading="Netlist options"),
    BUILD["simulators"].but(section=""),
    BUILD["timeout"].but(section=""),
)

READ = table(
    Setting(
        "code",
        Choice(("auto", "thresholds", "intervals", "numbers")),
        "Port of a column of numbers: one bit per threshold of the model (thresholds), the number of "
        "thresholds reached (intervals), the whole number (numbers), or the most suitable of these (auto).",
        "auto",
    ),
    Setting(
        "leaf_bits",
        Whole(1, 24),
        "Round leaves and weights to integers of N bits.",
        otherwise="enough to keep the label of every row",
    ),
    heading="Model options",
)

DISCOVER = table(
    _SEARCH[0].but(help="Stop after SECONDS, not counting worker start-up and compilation."),
    _SEARCH[1].but(
        help="Number of trainings, each from a random start, with varying widths and sigma."
    ),
    _JOBS.but(
        help="Worker processes; without a time limit they do not change the result.",
        default=None,
        otherwise="one per processor",
    ),
    Setting(
        "objective",
        Choice(Objective, omit=(Objective.LUT6,)),
        "Cost that the best circuit minimises.",
        Objective.CELLS,
    ),
    BUILD["passes"].but(otherwise="depth with `objective=depth`, else size"),
    Setting(
        "polish",
        Flag(),
        "Optimise the best circuits again with other seeds: after the trials or, with a time limit, in the "
        "last quarter of the time (for a complete table of 7 or more inputs, after the first fifth).",
        True,
    ),
    heading="Options",
)

APPROXIMATE = table(
    Setting(
        "metric",
        Choice(Metric),
        "Error metric.",
        Metric.WCE,
    ),
    Setting("signed", Flag(), "Read output ports as two's complement numbers.", False),
    Setting("bits", Flag(), "Treat every output bit as a port of its own.", False),
    Setting(
        "objective",
        Choice(Objective),
        "Cost that the best circuit minimises.",
        Objective.CELLS,
    ),
    Setting(
        "basis",
        Choice(Basis, omit=(Basis.XMG, Basis.XAG)),
        "Cells to count: maj (majorities, AND, OR) or aig (AND, OR; only for bounds on wce and wcre).",
        Basis.MAJ,
    ),
    _TIME_LIMIT.but(
        help="Stop after SECONDS, not counting worker start-up.",
        otherwise=f"{DEFAULT_TIME_LIMIT:g} if `sweeps` is not given, else none",
    ),
    Setting(
        "sweeps",
        Whole(1),
        "Number of sweeps over the bounds; later ones search longer.",
        default=None,
        otherwise="no limit",
    ),
    _JOBS.but(
        help="Worker processes; without a time limit they do not change the result.",
        default=None,
        otherwise="one per processor",
    ),
    TRAIN["seed"],
    heading="Options",
)

LEARN = table(
    INPUTS["conflicts"].but(default=Conflicts.MAJORITY, otherwise="", section=""),
    BUILD["code"].but(otherwise="auto for a table", section=""),
    BUILD["missing"].but(section=""),
    Setting(
        "max_cells",
        Whole(1),
        "Maximum number of AND, OR and majority cells.",
        otherwise=f"{DEFAULT_MAX_CELLS}, none with `max_luts`",
    ),
    Setting(
        "max_ands",
        Whole(1),
        "Maximum number of AND nodes in the AIGER file.",
        otherwise="as `max_cells`",
    ),
    Setting(
        "max_luts",
        Whole(1),
        "Maximum number of 6-input lookup tables of the emitted circuit.",
        otherwise="unlimited",
    ),
    Setting(
        "count_luts",
        Choice(LutCount),
        "Counter of the lookup tables: btfsynth's mapper, or Yosys (synth -flatten; abc -lut 6).",
        LutCount.ESTIMATE,
    ),
    Setting(
        "tolerance",
        Real("a number of at least 0", lambda value: value >= 0),
        "Choose the smallest circuit whose validation accuracy is at most X standard errors below the best.",
        otherwise="1, or 0 with `max_luts`",
    ),
    _SEARCH[0].but(
        help="Learn for SECONDS; baselines, passes and simulators run afterwards, without a limit."
    ),
    _SEARCH[1].but(
        help="Networks to train per output; without `time_limit` the result is reproducible."
    ),
    _JOBS.but(
        help="Trainings to run in parallel; without a time limit they do not change the result."
    ),
    _SEED.but(help="Seed of the split and of all random starts."),
    _PASSES.but(
        default="fast", help="Optimiser passes for the chosen circuit; its function is kept."
    ),
    Setting(
        "learners",
        Names("btfsynth.settings.table:LEARNERS", "NAME"),
        "Learner to run, such as circuit; repeatable. If circuit is the only one, it fits all samples, and "
        "none are kept for validation.",
        otherwise="all",
        option="--learner",
    ),
    Setting(
        "basis",
        Choice(Basis),
        "Gates of the hidden circuit, if known: maj, xmg, aig or xag; for the learner named circuit.",
        Basis.XMG,
    ),
    Setting(
        "oracle",
        Text("a command", "COMMAND"),
        "Command that computes the function: it reads lines of input bits and writes a line of output bits for "
        "each; the learner chooses the vectors.",
        otherwise="none",
    ),
    Setting(
        "queries",
        Whole(1, 100_000),
        "Maximum number of vectors to evaluate by the oracle.",
        200,
    ),
    Setting(
        "share",
        Choice(Share),
        "Known symmetry: none, or cyclic (all outputs are one function of the inputs, rotated by one bit per "
        "output).",
        Share.NONE,
    ),
    Setting(
        "baselines",
        Flag(),
        "Also measure scikit-learn's decision tree and random forest.",
        otherwise="if it is installed",
    ),
    _SIMULATORS,
    heading="Options",
)

TUNE = table(
    _TIME_LIMIT.but(help="Search for SECONDS.", default=60.0),
    TRAIN["seed"].but(help="Seed of the search and of the random starts."),
)

REPRODUCE = table(
    Setting(
        "full",
        Flag(),
        "Run all seeds and iterations of the documentation's table, for hours.",
        False,
    ),
    _JOBS.but(help="Runs in parallel; does not change the results."),
    _SEED.but(
        kind=Whole(0, 10**6),
        help="First seed of every experiment, for data, random starts and baselines.",
    ),
)

VERIFY = table(
    Setting("mutants", Whole(1, 1_000_000), "Maximum number of single faults to inject.", 100),
    _SIMULATORS,
    _TIMEOUT.but(
        help="Stop a simulator, Yosys, another tool or a SAT proof after SECONDS; it then counts as not run.",
        otherwise="600, more for a simulator on a large design, no limit for a SAT proof",
    ),
)

PROOF_TIMEOUT = _TIMEOUT.but(
    help="Stop the SAT proof, or a tool that reads A or B, after SECONDS; the result is then "
    "undecided.",
    otherwise="no limit for the proof, 600 for a tool",
)

PLACE = table(
    _SEED.but(
        kind=Whole(1, 2**31 - 1), help="Seed of the placer; the same seed gives the same result."
    ),
    Setting(
        "freq",
        Real("a number above 0 and up to 10000", lambda value: 0 < value <= 10_000, "MHZ"),
        "Target clock in MHz; exits with 1 if it is missed.",
        otherwise="as fast as possible",
    ),
)

FPGA = table(
    Setting(
        "tries",
        Whole(1, 64),
        "Number of input orders for each mapping script; not with `board`.",
        4,
    ),
)

CHECKPOINT_INTERVAL = Setting(
    "checkpoint_interval",
    Real("a number of seconds of at least 0", lambda value: value >= 0, "SECONDS"),
    "Seconds between two checkpoints of a running trial.",
    30.0,
)

SECTIONS = sections(
    ("data", "train", "netlist", "hardware", "check"), TRAIN, INPUTS, BUILD, HARDWARE
)
"""The keys of a run file by section and name, in the order in which they are written."""
