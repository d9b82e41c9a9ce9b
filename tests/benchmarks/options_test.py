import pytest

from benchmarks import options

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("row", options.ROWS, ids=lambda row: row.name)
def test_each_row_is_about_an_option_that_goes_with_the_others(row):
    plain = options.agent_of(row, 0, {}).get_config()
    tried = options.agent_of(row, 0, row.option).get_config()
    changed = {name for name in row.option if plain[name] != tried[name]}
    assert changed == set(row.option)
    assert row.name in row.option or row.recorded or row.optimizer


def test_optimizer_is_another_where_it_is_tried():
    (row,) = options.chosen(["use_ema"])
    for tried in (False, True):
        agent = options.agent_of(row, 0, row.option, tried)
        assert agent.optimizer.use_ema is tried
    cell = options.write(row, [1.0], [2.0]).split(" | ")[0]
    assert cell == "| `Adam(use_ema=True, ema_momentum=0.99)`"


def test_a_run_stops_after_its_steps_and_says_what_it_reached():
    row = options.Row("ties", "CartPole-v1", {"ties": "strict"}, 60, 4)
    reached = options.run(row, 0, {**row.option, "elite_quantile": 0.5})
    # A random policy falls after 20 steps, no policy before 8.
    assert 8 <= reached <= 500


def test_line_of_the_table():
    row = options.Row("discount", "Some-v0", {"discount": 0.9}, 10_000, 4)
    assert options.write(row, [1.0, 2.0], [3.0, 5.0]) == (
        "| `discount=0.9` | Some-v0 | 10,000 | 1.00 2.00 | 1.50 "
        "| 3.00 5.00 | 4.00 |"
    )


def test_driver_is_clumsier_in_some_episodes_and_it_shows():
    episodes = options.drive("MountainCar-v0", 12)
    returns = [sum(episode["rewards"]) for episode in episodes]
    # Each is an episode of the limit's 200 steps at most, of -1 a step.
    assert all(
        -total == len(episode["actions"]) == len(episode["observations"])
        for total, episode in zip(returns, episodes, strict=True)
    )
    assert min(returns) == -200 < max(returns)


def test_recorded_episodes_are_learned_from_where_they_are_tried(monkeypatch):
    row = options.Row("recorded", "MountainCar-v0", {}, 10, 4, recorded=4)
    warmed = []
    monkeypatch.setattr(
        options, "warm_up", lambda agent, row: warmed.append(row.recorded)
    )
    options.run(row, 0, {})
    assert not warmed
    options.run(row, 0, {}, tried=True)
    assert warmed == [4]


def test_rows_are_chosen_by_name():
    assert options.chosen([]) == options.ROWS
    (row,) = options.chosen(["discount"])
    assert row.name == "discount"
    with pytest.raises(ValueError, match="--rows=wobbly"):
        options.chosen(["discount", "wobbly"])
