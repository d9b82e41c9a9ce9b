import onnxruntime
import pytest

from tests.export import agents

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("observed", "acted"), agents.PAIRS)
def test_onnxruntime_acts_as_the_agent(observed, acted, tmp_path):
    agent = agents.make_agent(observed, acted)
    path = tmp_path / "policy.onnx"
    agent.export(path, format="onnx")
    session = onnxruntime.InferenceSession(
        path, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]

    def run(inputs):
        return dict(zip(names, session.run(names, inputs), strict=True))

    agents.assert_acts_as(agent, observed, run, atol=1e-5)


def test_operation_that_onnx_has_not_is_refused(tmp_path):
    agents.assert_refuses_an_unknown_operation(
        "onnx", "ONNX", tmp_path / "policy.onnx"
    )
