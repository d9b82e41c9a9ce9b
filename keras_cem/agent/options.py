"""The options of the method. To add one, add a field to `CEMOptions`."""

import dataclasses
import random
from typing import Any

import keras

from keras_cem import heads, prng
from keras_cem.agent import option_checks
from keras_cem.algorithm import elite_steps, elites, gradient_steps
from keras_cem.utils import nonfinite, option_fields
from keras_cem.utils.option_fields import Choices, Flag, Numbers, option
from keras_cem.utils.option_kinds import (
    Boolean,
    Choice,
    Converted,
    Integer,
    Layer,
    Number,
)

# Passes over the pairs of an iteration, with elite steps.
DEFAULT_EPOCHS = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class CEMOptions:
    """Options of `CEMAgent`, checked.

    Each is a keyword argument of `CEMAgent`, an entry of its configuration, a
    fixed attribute of the same name, and a flag of `keras-cem train` or a key
    of its `--agent_kwargs`.

    Raises:
        ValueError: If a value is out of range, or two options contradict each
            other.
        TypeError: If a value is of the wrong type.
    """

    elite_quantile: float = option(
        0.8,
        Number(0.0, 1.0, "()"),
        "q in (0, 1).",
        flag=Flag(
            "method",
            "q: trajectories above the q-quantile of the returns are elite.",
            default=0.7,
        ),
        search=Numbers(0.5, 0.95),
    )
    ties: str = option(
        "auto",
        Choice(elites.TIES),
        """Whether returns equal to the threshold are elite. `"strict"` is the
        lecture's `>`. `"inclusive"` is `>=`. `"auto"` is strict, and switches
        to `>=` if strict selects no trajectory although the returns differ.""",
    )
    loss_normalization: str = option(
        "trajectory",
        Choice(gradient_steps.NORMALIZATIONS),
        """`"trajectory"` divides the sum of losses by the number of elite
        trajectories, as in the lecture. `"pair"` divides it by the number of
        pairs. `"length"` also divides the loss of each trajectory by its
        length, so that long and short trajectories count the same.""",
    )
    elite_unit: str = option(
        "trajectory",
        Choice(elite_steps.UNITS),
        """What is elite. `"trajectory"` is the lecture: whole episodes, ranked
        by their returns. `"step"` ranks single steps, by their advantages over
        `critic`: the actions of the best steps are imitated, whatever the
        episode. It needs fewer episodes where they are long. Whole episodes
        rank better where reward comes only at the end of an episode.""",
        flag=Flag("method", "What is elite: whole episodes or single steps."),
    )
    critic: keras.Layer | None = option(
        None,
        Layer(),
        """With `elite_unit="step"`, `keras.Layer` that maps a batch of
        observations to one number each: the value, in units of the scale of
        returns so far. It shares no layers with `policy`.
        `CEMAgent.from_env` makes one like the default policy.""",
    )
    gae_lambda: float = option(
        option_checks.DEFAULT_GAE_LAMBDA,
        Number(0.0, 1.0),
        """lambda in [0, 1] of the advantages, with `elite_unit="step"`. With 1,
        an advantage compares all later rewards with the critic. With 0, it
        compares one reward and the critic's next value.""",
        search=Numbers(0.8, 1.0),
    )
    gradient_steps: int | None = option(
        None,
        Integer(1),
        """Optimizer steps per iteration on its elites, 1 in the lecture. More
        steps learn faster from the same episodes, unless the policy starts to
        imitate their noise.""",
        unset="1, or `gradient_epochs`",
        derive=lambda options: (
            1
            if options.gradient_epochs is None
            and options.elite_unit == "trajectory"
            else None
        ),
        flag=Flag(
            "optimizer",
            "Optimizer steps per iteration; 1 in textbooks.",
            default=10,
        ),
        search=Numbers(1, 50, log=True),
    )
    gradient_epochs: int | None = option(
        None,
        Integer(1),
        """Instead of `gradient_steps`, number of passes over the elites in
        each iteration, in shuffled minibatches without replacement.""",
        unset="8 with elite steps, unless `gradient_steps` is given",
        derive=lambda options: (
            DEFAULT_EPOCHS
            if options.gradient_steps is None and options.elite_unit == "step"
            else None
        ),
        flag=Flag(
            "optimizer",
            "Passes over the elites in minibatches, instead of gradient_steps.",
        ),
        search=Choices((None, 2, 4, 16)),
    )
    critic_epochs: int | None = option(
        None,
        Integer(1),
        """With `elite_unit="step"`, number of passes of the critic over all
        steps in each iteration.""",
        unset="8",
        derive=lambda options: (
            DEFAULT_EPOCHS if options.elite_unit == "step" else None
        ),
        search=Choices((None, 2, 4, 16)),
    )
    minibatch_size: int | None = option(
        None,
        Integer(1),
        """Number of pairs drawn at random for each gradient step, or taken for
        each in turn with `gradient_epochs`.""",
        unset="all pairs of the elites, or 256 with `gradient_epochs`",
        derive=lambda options: (
            None
            if options.gradient_epochs is None
            else gradient_steps.DEFAULT_MINIBATCH_SIZE
        ),
        flag=Flag(
            "optimizer",
            "Pairs drawn at random for each optimizer step. If not given, "
            "all pairs, or 256 with --gradient_epochs.",
        ),
        search=Choices((None, 256, 1024, 4096)),
    )
    discount: float | None = option(
        None,
        Number(0.0, 1.0, "(]"),
        """Discount factor in (0, 1]. Trajectories are ranked by the sum of
        discount^t r_t. A discount below 1 prefers the shorter of two episodes
        that reach a goal. Where steps cost, it prefers the episode that pays
        later. `episode_return` stays the undiscounted sum; `elite_threshold` is
        a discounted return. With elite steps it discounts later rewards.""",
        unset="1, or 0.99 with elite steps",
        derive=lambda options: 0.99 if options.elite_unit == "step" else 1.0,
        flag=Flag(
            "method",
            "Discount factor of rewards. If not given, 1, or 0.99 with "
            "--elite_unit=step.",
        ),
    )
    elite_memory: int | None = option(
        None,
        Integer(1),
        """Number of elite trajectories of earlier iterations that are ranked
        again with the new ones, see
        `keras_cem.algorithm.elite_memory.EliteMemory`. It helps where good
        episodes are rare. In stochastic environments it also keeps lucky
        episodes. `elite_threshold` and `num_elites` include them.""",
        unset="none",
        search=Choices((None, 20, 100, 500)),
    )
    elite_memory_age: int | None = option(
        None,
        Integer(1),
        """Maximum number of iterations for which a trajectory is remembered.
        With a large `elite_memory`, the memory then holds all elites of that
        many last iterations. With no limit, it holds the best trajectories of
        the whole training.""",
        unset="no limit",
        search=Choices((None, 5, 20)),
    )
    episodes_per_start: int | None = option(
        None,
        Integer(2, cure="A single trajectory cannot exceed its own quantile."),
        """m, the number of trajectories per group. The trajectories of a group
        share a start state, and each group has its own quantile. This helps
        where the start state decides the return, as in Taxi. On the host a
        group shares a reset seed, and therefore the environment's randomness:
        its members differ only in their exploration. In the graph only the
        start state is shared. `batch_size` must be a multiple of m.
        `elite_threshold` is the mean over the groups.""",
        unset="no groups",
    )
    episodes_per_policy: int | None = option(
        None,
        Integer(1),
        """M, the number of trajectories per group. The trajectories of a group
        play the same sample of the explored policy and are ranked by their mean
        return. This helps where the environment's randomness decides the
        return. A sample chooses the same action whenever it gets the same
        observation. (If observations rarely recur, as with floats, this equals
        new exploration in each step.) `batch_size` must be a multiple of M. All
        trajectories of an elite group are elite.""",
        unset="no groups",
    )
    normalize_observations: bool = option(
        False,
        Boolean(),
        """Whether to normalize float observations to mean 0 and variance 1. The
        statistics come from all K trajectories of each earlier iteration. One
        iteration acts and learns with the same statistics and adds its own
        observations at its end. The statistics are weights of the policy: they
        are saved, exported and used by `evaluate`. This helps where
        observations are much larger or smaller than 1.""",
        flag=Flag(
            "method",
            "Normalize observations to mean 0 and variance 1 in the policy.",
        ),
        search=Choices((False, True)),
    )
    epsilon: float = option(
        0.1,
        Number(0.0),
        """Exploration while no `callbacks.EpsilonDecay` runs, at least 0. For
        discrete actions it is the share of uniformly random actions. For a Box
        it is the size of the noise in half-widths of the box. The attribute
        `epsilon` is a weight, to which a number can be assigned.""",
        checked_by_head=True,
        flag=Flag(
            "exploration", "Epsilon in the first iteration.", default=1.0
        ),
    )
    noise: str = option(
        "gaussian",
        Choice(heads.NOISES),
        """For a Box, the kind of noise: `"gaussian"`, `"uniform"`,
        `"correlated"` or `"state"`. Correlated noise is similar from step to
        step. State noise is a linear function of the observation, with new
        coefficients for each trajectory. It takes normalized observations if
        `normalize_observations` is set.""",
        checked_by_head=True,
        search=Choices(heads.NOISES),
    )
    correlation: float | None = option(
        None,
        Number(0.0, 1.0, "[)"),
        "Correlation of correlated noise from one step to the next, in [0, 1).",
        unset="0.9",
        checked_by_head=True,
    )
    imitate: str = option(
        "played",
        Choice(heads.IMITATED),
        """For a Box, `"played"` imitates the clipped actions that the
        environment got. `"drawn"` imitates the actions before they were clipped
        to the box. It learns faster where many actions are clipped: with large
        noise, or with best actions at the bounds.""",
        checked_by_head=True,
        search=Choices(heads.IMITATED),
    )
    persistence: int = option(
        1,
        Integer(1),
        """For discrete actions, the maximum number of steps for which a random
        action is held. Above 1, epsilon is the share of random decisions, see
        `heads.SoftmaxHead`.""",
        checked_by_head=True,
        search=Numbers(1, 100, log=True),
    )
    entropy_coefficient: float = option(
        0.0,
        Number(0.0),
        """For discrete actions, the factor of the policy's entropy that is
        subtracted from the loss.""",
        checked_by_head=True,
        search=Numbers(0.0, 0.05),
    )
    action_scale: Any = option(
        None,
        Converted(heads.plain_scale),
        """For a Box, the scale h. Give it if the bounds are infinite or their
        half-width is the wrong scale.""",
        unset="the half-width",
        checked_by_head=True,
    )
    on_nonfinite: str = option(
        "raise",
        Choice(nonfinite.ON_NONFINITE),
        """What to do about a NaN or an infinity in an observation, a reward,
        the policy's outputs, the critic's values, a loss, a gradient or the
        updated weights. It never reaches the weights. `"raise"` raises a
        RuntimeError that names the value. `"skip"` ends the trajectory and
        excludes it from ranking, elites and means, or skips the update. It
        counts each case in `num_nonfinite`, and raises if no trajectory is
        left.""",
    )
    seed: int | None = option(
        None,
        Integer(0, prng.MAX_SEED),
        "int in [0, 2**32) that determines all random numbers.",
        unset="drawn from Python's `random`, as in Keras",
        # `keras.utils.set_random_seed` determines it.
        derive=lambda options: random.randint(0, prng.MAX_SEED),
    )

    def __post_init__(self) -> None:
        option_checks.exclusive(
            "an iteration takes either a number of steps or a number of passes",
            gradient_steps=self.gradient_steps,
            gradient_epochs=self.gradient_epochs,
        )
        option_fields.resolve(self)
        option_checks.check_unit(self)
        if self.elite_memory is None and self.elite_memory_age is not None:
            raise ValueError(
                "`elite_memory_age` needs `elite_memory`. Received: "
                f"elite_memory_age={self.elite_memory_age}, "
                "elite_memory=None. Set `elite_memory`, the number of "
                "remembered trajectories."
            )
        option_checks.exclusive(
            "trajectories are compared either with those of the same start, "
            "or by their mean over several starts",
            episodes_per_start=self.episodes_per_start,
            episodes_per_policy=self.episodes_per_policy,
        )
        for name in ("episodes_per_start", "episodes_per_policy"):
            option_checks.exclusive(
                "remembered trajectories would need the other trajectories "
                "of their group, which are gone",
                **{
                    name: getattr(self, name),
                    "elite_memory": self.elite_memory,
                },
            )


OPTIONS = option_fields.declared(CEMOptions)
