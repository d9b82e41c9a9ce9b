import pytest
from ai_edge_litert import interpreter

from tests.export import agents

pytestmark = pytest.mark.slow

# LiteRT computes in no float64.
PAIRS = [pair for pair in agents.PAIRS if pair[1] != "float64_box"]


@pytest.mark.parametrize(("observed", "acted"), [*PAIRS, ("float64", "box")])
def test_litert_acts_as_the_agent(observed, acted, tmp_path):
    agent = agents.make_agent(observed, acted)
    path = tmp_path / "policy.tflite"
    agent.export(path, format="litert")
    loaded = interpreter.Interpreter(str(path))
    runner = loaded.get_signature_runner("serving_default")
    agents.assert_acts_as(
        agent, observed, lambda inputs: runner(**inputs), atol=1e-5
    )


def test_operation_that_litert_has_not_is_refused(tmp_path):
    agents.assert_refuses_an_unknown_operation(
        "litert", "LiteRT", tmp_path / "policy.tflite"
    )


def test_float64_actions_are_refused(tmp_path):
    agent = agents.make_agent("float32", "float64_box")
    with pytest.raises(ValueError, match="`action_space` must not") as error:
        agent.export(tmp_path / "policy.tflite", format="litert")
    assert str(error.value).endswith(
        f"Received: action_space={agent.action_space}. Export as ONNX or "
        "OpenVINO, or train on a float32 Box."
    )
    assert list(tmp_path.iterdir()) == []
