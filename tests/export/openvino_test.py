import openvino
import pytest

from tests.export import agents

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("observed", "acted"), agents.PAIRS)
def test_openvino_acts_as_the_agent(observed, acted, tmp_path):
    agent = agents.make_agent(observed, acted)
    agent.export(tmp_path / "policy", format="openvino")
    assert {path.name for path in (tmp_path / "policy").iterdir()} == {
        "model.xml",
        "model.bin",
    }
    # Without the hint it computes in half precision where the processor can.
    compiled = openvino.Core().compile_model(
        tmp_path / "policy" / "model.xml",
        "CPU",
        {"INFERENCE_PRECISION_HINT": "f32"},
    )

    def run(inputs):
        return {
            name: values
            for output, values in compiled(inputs).items()
            for name in output.get_names()
        }

    agents.assert_acts_as(agent, observed, run, atol=1e-5)


def test_operation_that_openvino_has_not_is_refused(tmp_path):
    agents.assert_refuses_an_unknown_operation(
        "openvino", "OpenVINO", tmp_path / "policy"
    )
