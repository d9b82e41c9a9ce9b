"""A training of the command line that is over in a moment."""

# Flags of `train`; a test gives others behind them, which prevail.
SMALL = (
    "--env=CartPole-v1",
    # Those of a preset take longer to trace.
    "--nopreset",
    "--engine=host",
    "--max_episode_steps=10",
    "--batch_size=4",
    "--hidden_units=4",
    "--validation_episodes=3",
    "--episodes=3",
    "--epochs=2",
)
