"""Flags of a command that trains, as parsed."""

from absl import flags

from keras_cem.cli.flags import train_flags


def parsed(*arguments):
    """Flags that `arguments` give, and the seed 0."""
    values = flags.FlagValues()
    train_flags.define_settings(values, seed=0)
    values(["tune", "--env=CartPole-v1", *arguments])
    return values
