"""Flags of `keras-cem train`."""

import math
from typing import Any

from absl import flags

from keras_cem import elites, heads, improvement
from keras_cem.cli import progress, settings
from keras_cem.cli.preset import PresetParser
from keras_cem.rollouts import sources

_LARGEST = 2**32 - 1


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of this command."""
    common: dict[str, Any] = {"flag_values": values}
    define_settings(values)
    flags.DEFINE_string(
        "output", None, "Folder for the run, new or empty. Required.", **common
    )
    flags.DEFINE_bool(
        "resume",
        False,
        "Go on with the run in --output, with its settings; only --epochs, "
        "--episodes, --checkpoint_every, --plot, --report, --tensorboard and "
        "--video may be others.",
        **common,
    )
    flags.DEFINE_bool(
        "overwrite", False, "Replace the run in --output.", **common
    )
    flags.DEFINE_bool(
        "plot",
        None,
        "Draw pictures; without this flag, if matplotlib is there.",
        **common,
    )
    flags.DEFINE_bool(
        "video",
        False,
        "Film a greedy episode at the end, as `keras-cem record` does; needs "
        "the extra of keras-cem of that name.",
        **common,
    )
    flags.DEFINE_bool(
        "report", True, "Write report.html, a page of the run.", **common
    )
    flags.DEFINE_bool(
        "tensorboard",
        False,
        "Write tensorboard/, for `tensorboard --logdir`; needs the extra of "
        "keras-cem of that name.",
        **common,
    )
    flags.DEFINE_enum(
        "progress",
        "auto",
        list(progress.KINDS),
        "What is seen as it goes on: Keras' bar, a line an epoch, or nothing; "
        "by itself the bar on a terminal, and lines for a log.",
        **common,
    )
    flags.DEFINE_integer(
        "checkpoint_every",
        10,
        "Epochs between checkpoints.",
        lower_bound=1,
        upper_bound=_LARGEST,
        **common,
    )
    flags.mark_flag_as_required("output", flag_values=values)
    flags.register_multi_flags_validator(
        ["env", "resume"],
        lambda given: given["env"] is not None or given["resume"],
        "Flag --env must have a value other than None.",
        flag_values=values,
    )


def define_settings(
    values: flags.FlagValues,
    seed: int | None = None,
    about_seed: str = "Of everything random; drawn if not given.",
) -> None:
    """Defines what any command that trains needs to know.

    Args:
        values: Get the flags.
        seed: The default of --seed.
        about_seed: What it is.
    """
    common: dict[str, Any] = {"flag_values": values}

    def text(name: str, default: str | None, about: str) -> None:
        flags.DEFINE_string(name, default, about, **common)

    def count(
        name: str, default: int | None, about: str, least: int = 1
    ) -> None:
        flags.DEFINE_integer(
            name,
            default,
            about,
            lower_bound=least,
            upper_bound=_LARGEST,
            **common,
        )

    def number(
        name: str, default: float | None, about: str, **bounds: float
    ) -> None:
        flags.DEFINE_float(name, default, about, **{**bounds, **common})
        flags.register_validator(
            name,
            lambda value: value is None or math.isfinite(value),
            message="must be finite",
            **common,
        )

    def choice(name: str, default: str, choices: Any, about: str) -> None:
        flags.DEFINE_enum(name, default, list(choices), about, **common)

    text("env", None, "Id of a gymnasium environment. Required.")
    flags.DEFINE_flag(
        flags.Flag(
            PresetParser(),
            None,
            "preset",
            None,
            "Settings to start from; every flag given prevails over them. "
            "--preset=NAME.json takes those of a file, as `keras-cem tune` "
            "writes it, --preset=ID those for another environment, --nopreset "
            "none. Without this flag: those for --env, if there are any.",
            boolean=True,
        ),
        flag_values=values,
    )
    count("seed", seed, about_seed, least=0)
    # How long.
    count("epochs", 200, "Epochs at most.")
    count("steps_per_epoch", 1, "Iterations an epoch.")
    count(
        "initial_policies",
        1,
        "Policies to begin with. Each is trained for a few epochs, the half "
        "that then returns more for as many again, until one is left.",
    )
    count(
        "epochs_per_initial_policy",
        None,
        "How many, for each of several; 1 if not given.",
    )
    number(
        "stop_at",
        None,
        "Stop when the greedy return reaches this, and exceeds it by its "
        "standard error on other episodes. `keras-cem train` takes the "
        "environment's reward threshold, if it has one, where none is given.",
    )
    count("validation_episodes", 100, "Greedy episodes after each epoch.")
    flags.DEFINE_bool(
        "confirm_best",
        False,
        "Repeat validations that are the best so far, with other episodes, and "
        "take the mean: the fewer episodes, the more of the best is luck.",
        **common,
    )
    count("episodes", 100, "Greedy episodes of the final evaluation.")
    # The method.
    count("batch_size", 16, "K, trajectories an iteration.", least=2)
    number(
        "elite_quantile",
        0.7,
        "q: elite is whose return exceeds the q-quantile.",
        lower_bound=0.0,
        upper_bound=1.0,
    )
    number(
        "last_elite_quantile",
        None,
        "q in the end; the same all the time if not given.",
        lower_bound=0.0,
        upper_bound=1.0,
    )
    count(
        "elite_quantile_steps",
        None,
        "Iterations over which --elite_quantile becomes --last_elite_quantile.",
    )
    choice("ties", "auto", elites.TIES, "Elites that tie with the threshold.")
    choice(
        "loss_normalization",
        "trajectory",
        improvement.NORMALIZATIONS,
        "What the sum of losses is divided by.",
    )
    text("loss", None, "Keras loss for Box actions; mean square if not given.")
    count("gradient_steps", 10, "Optimizer steps an iteration; 1 in textbooks.")
    count("minibatch_size", None, "Pairs drawn for each; all if not given.")
    number(
        "discount",
        1.0,
        "Episodes are ranked by the sum of discount^t r_t.",
        lower_bound=0.0,
        upper_bound=1.0,
    )
    count("discount_steps", None, "Iterations over which it rises to 1.")
    count("elite_memory", None, "Elites of earlier iterations, ranked again.")
    count("elite_memory_age", None, "Iterations they are remembered for.")
    count(
        "episodes_per_start",
        None,
        "Episodes that share a start; elites are chosen among them.",
        least=2,
    )
    count(
        "episodes_per_policy",
        None,
        "Episodes that one sample of the policy plays, ranked by their mean.",
    )
    flags.DEFINE_bool(
        "normalize_observations",
        False,
        "Observations of mean 0 and variance 1, inside of the policy.",
        **common,
    )
    choice(
        "on_nonfinite",
        "raise",
        improvement.ON_NONFINITE,
        "Stop where something is not finite, or leave out the trajectory or "
        "the update.",
    )
    # Exploration.
    choice(
        "epsilon_schedule",
        "harmonic",
        settings.EPSILON_SCHEDULES,
        "How epsilon falls over iterations.",
    )
    number("epsilon", 1.0, "Epsilon in the first iteration.", lower_bound=0.0)
    number("epsilon_minimum", 0.0, "Floor of epsilon.", lower_bound=0.0)
    count(
        "epsilon_steps",
        None,
        "Iterations over which epsilon falls; all if not given. Without "
        "meaning for the schedules harmonic and constant.",
    )
    choice("noise", "gaussian", heads.NOISES, "Noise for Box actions.")
    number(
        "correlation",
        None,
        "Of correlated noise, in [0, 1); 0.9 if not given.",
        lower_bound=0.0,
    )
    choice(
        "imitate",
        "played",
        heads.IMITATED,
        "Imitate Box actions as they were played, or as they were drawn, "
        "before they were clipped.",
    )
    count(
        "persistence",
        1,
        "Largest number of steps that a random discrete action is held for.",
    )
    number(
        "entropy_coefficient",
        0.0,
        "How much of the entropy is taken off the loss; discrete actions.",
        lower_bound=0.0,
    )
    number("action_scale", None, "Scale of an unbounded Box.", lower_bound=0.0)
    # The network and its optimizer.
    flags.DEFINE_list(
        "hidden_units", ["128"], "Units of each hidden layer.", **common
    )
    count(
        "embedding",
        None,
        "Size of the trained vectors of Discrete and MultiDiscrete "
        "observations; one-hot if not given.",
    )
    flags.DEFINE_bool(
        "image",
        None,
        "Whether bytes with 2 or 3 axes are images, for convolutions, or codes "
        "of categories. Without this flag: as their shape and the first "
        "observation tell.",
        **common,
    )
    text("activation", "relu", "Of the hidden layers.")
    text("kernel_initializer", "glorot_uniform", "Of the weights.")
    number("l1", 0.0, "L1 regularisation.", lower_bound=0.0)
    number("l2", 0.0, "L2 regularisation.", lower_bound=0.0)
    number("dropout", 0.0, "Dropout.", lower_bound=0.0, upper_bound=1.0)
    flags.DEFINE_bool(
        "batch_normalization", False, "Batch normalisation.", **common
    )
    text("optimizer", "adam", "Keras optimizer.")
    number("learning_rate", 0.01, "Of the optimizer.", lower_bound=0.0)
    count(
        "learning_rate_decay_steps",
        None,
        "Iterations over which the learning rate falls to 0, as half a wave of "
        "a cosine; it stays as it is if not given.",
    )
    number(
        "ema_momentum",
        None,
        "Validations and what is kept are of running means of the weights, of "
        "this momentum in each gradient step: 0.99 is of about 100 steps. "
        "Training plays with the weights as they are. None if not given.",
        lower_bound=0.0,
        upper_bound=1.0,
    )
    # Playing.
    choice(
        "engine",
        "auto",
        sources.ENGINES,
        "Where training plays: inside the compiled step (graph), or from "
        "Python (host); auto takes the graph where it can. The final "
        "evaluation always plays gymnasium's own environment.",
    )
    flags.DEFINE_bool(
        "jit_compile",
        None,
        "Compile the train step with XLA. Without this flag: in the graph, and "
        "with a small --batch_size not in the first iterations, which are done "
        "sooner than XLA is.",
        **common,
    )
    count("num_envs", None, "Sub-environments; as --batch_size if not given.")
    flags.DEFINE_enum(
        "vectorization_mode",
        None,
        list(sources.VECTORIZATION_MODES),
        "How sub-environments run; sync if not given.",
        **common,
    )
    count("max_episode_steps", None, "Truncates episodes.")
    number(
        "min_reward",
        None,
        "Training takes rewards that are less for this; validations and the "
        "final evaluation take them as they are.",
    )
    count(
        "min_reward_doubling_steps",
        None,
        "Iterations after which --min_reward, which must be negative, is "
        "twice as low, and again after as many; never if not given.",
    )
    number(
        "last_min_reward",
        None,
        "The least that --min_reward becomes by doubling; no limit if not "
        "given.",
    )
    number("max_reward", None, "Likewise for those that are more.")
    count(
        "segment_steps",
        None,
        "Training plays episodes in segments of so many steps, and takes the "
        "best segments for elites; the next goes on where the last ended, "
        "except after --resume, which begins new episodes. Validations and "
        "the final evaluation play whole ones.",
    )
    count(
        "segment_doubling_steps",
        None,
        "Iterations after which segments are twice as long, and again after as "
        "many; they stay as they are if not given.",
    )
    number(
        "step_timeout",
        None,
        "Seconds that a step may take with --vectorization_mode=async; a "
        "sub-environment that takes longer has failed.",
        lower_bound=sources.LEAST_STEP_TIMEOUT,
    )
    count(
        "max_env_restarts",
        None,
        "How often sub-environments that fail may be made anew; 3 if not "
        "given.",
        least=0,
    )
