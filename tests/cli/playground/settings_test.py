import dataclasses

import pytest

from keras_cem.cli.playground import settings
from keras_cem.cli.playground.settings import Settings


@pytest.mark.parametrize(
    ("name", "value", "effect"),
    [
        ("elite_quantile", 0.5, "now"),
        ("learning_rate", 1, "now"),
        ("batch_size", 8, "kept"),
        ("gradient_steps", 1, "kept"),
        ("env", "Pendulum-v1", "anew"),
        ("activation", "arctan", "anew"),
        ("seed", 7, "anew"),
        ("ties", "auto", None),
    ],
)
def test_effect_of_a_change(name, value, effect):
    before = Settings()
    after = before.changed(name, value)
    assert getattr(after, name) == value
    assert before.effect_of(after) == effect


def test_effect_of_several_changes_is_the_greatest():
    after = Settings().changed("ties", "strict").changed("units", 3)
    assert Settings().effect_of(after) == "anew"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("batch_size", 1, "Episodes K must be an integer from 2 to 512"),
        ("batch_size", 8.0, "must be an integer"),
        ("batch_size", True, "must be an integer"),
        ("batch_size", "8", "must be an integer"),
        ("elite_quantile", 1.0, "must be a number from 0.01 to 0.99"),
        ("elite_quantile", float("nan"), "must be a number"),
        ("elite_quantile", None, "must be a number"),
        ("ties", "loose", "Ties must be one of auto, strict, inclusive"),
        ("ties", ["auto"], "Ties must be one of"),
        ("colour", 1, "There is no setting 'colour'"),
        ("__class__", 1, "There is no setting"),
        ("env", "CardPole-v1", "There is no environment 'CardPole-v1'"),
        ("env", "os:system", "imports no module. Start .* --env=os:system"),
        ("env", 3, "must be an id"),
        ("env", "x" * 1000, "must be an id"),
    ],
)
def test_invalid_values_are_refused(name, value, message):
    with pytest.raises(ValueError, match=message) as refused:
        Settings().changed(name, value)
    # What was typed comes back in part only.
    assert len(str(refused.value)) < 400


def test_page_is_told_all_settings():
    told = settings.described()
    assert [each["name"] for each in told] == [
        field.name for field in dataclasses.fields(Settings)
    ]
    for each in told:
        assert each["label"]
        assert each["kind"] in ("str", "int", "float")
        assert (each["kind"] == "str") == (each["least"] is None)
