"""Reading a history of any length."""

import keras
import numpy as np
import pytest

from keras_cem.pictures.plots import history as histories

HEADER = "epoch,elite_threshold,env_steps,episode_return,episode_return_max,"
HEADER += "epsilon,val_episode_return"


def write(path, rows, header=HEADER):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_columns_are_those_of_the_file(tmp_path):
    path = write(tmp_path / "h.csv", ["0,1,10,2,3,.5,NA", "1,4,20,5,6,.4,7"])
    read = histories.read(path)
    assert read.size == 1
    assert read.columns["epochs"].tolist() == [1, 2]
    assert read.columns["env_steps"].tolist() == [10, 20]
    assert read.columns["episode_return"].tolist() == [2, 5]
    np.testing.assert_array_equal(
        read.columns["val_episode_return"], [np.nan, 7]
    )


LOGS = {
    "elite_threshold": [1.0, 4.0, 7.0],
    "env_steps": [10.0, 20.0, 30.0],
    "episode_return": [2.0, 5.0, 8.0],
    "episode_return_max": [3.0, 6.0, 9.0],
    "epsilon": [0.5, 0.4, 0.3],
}


def of_keras(logs, epochs=(0, 1, 2)):
    history = keras.callbacks.History()
    history.epoch, history.history = list(epochs), logs
    return history


@pytest.mark.parametrize(
    ("values", "epochs", "expected"),
    [
        ([7.0, 8.0, 9.0], (0, 1, 2), [7, 8, 9]),
        ([7.0], (0, 1, 2), [np.nan, 7, np.nan]),
        # With `initial_epoch=3`: every second epoch, counted from the first.
        ([7.0, 8.0], (3, 4, 5), [7, np.nan, 8]),
    ],
)
def test_history_of_keras_is_read(values, epochs, expected):
    logs = {**LOGS, "val_episode_return": values}
    read = histories.read(of_keras(logs, epochs))
    assert read.columns["epochs"].tolist() == [each + 1 for each in epochs]
    assert read.columns["env_steps"].tolist() == [10, 20, 30]
    np.testing.assert_array_equal(read.columns["val_episode_return"], expected)


def test_history_of_arrays_is_refused():
    with pytest.raises(ValueError, match="without the columns env_steps"):
        histories.read(of_keras({"loss": [1.0]}, [0]))


def test_empty_history_is_refused():
    with pytest.raises(ValueError, match="at least one epoch"):
        histories.read(of_keras({name: [] for name in LOGS}, []))


def test_run_folder_has_the_file(tmp_path):
    write(tmp_path / "history.csv", ["0,1,10,2,3,.5,NA"])
    assert histories.read(tmp_path).columns["env_steps"].tolist() == [10]


def test_long_histories_become_means_and_maxima(tmp_path):
    size = 2 * histories.MAX_POINTS + 1
    rows = [f"{n},{n},{10 * n},{n},{n},.5,{n}" for n in range(size)]
    read = histories.read(write(tmp_path / "h.csv", rows))
    assert read.size == 3
    assert len(read.columns["epochs"]) == -(-size // 3)
    assert read.columns["episode_return"][:2].tolist() == [1, 4]
    assert read.columns["episode_return_max"][:2].tolist() == [2, 5]
    assert read.columns["env_steps"][-1] == 10 * (size - 1)
    assert read.columns["epochs"][-1] == size


def test_means_leave_out_what_is_not_finite(tmp_path):
    size = 2 * histories.MAX_POINTS
    rows = [f"{n},nan,{n},{'nan' if n % 2 else n},1,.5,NA" for n in range(size)]
    columns = histories.read(write(tmp_path / "h.csv", rows)).columns
    assert columns["episode_return"][:3].tolist() == [0, 2, 4]
    assert np.isnan(columns["elite_threshold"]).all()


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        ("epoch,loss", ["0,1"], "without the columns env_steps"),
        (HEADER, [], "only a header"),
        (HEADER, ["0,1"], "of 7 columns"),
    ],
)
def test_other_files_are_refused(tmp_path, header, rows, message):
    path = write(tmp_path / "h.csv", rows, header)
    with pytest.raises(ValueError, match=message):
        histories.read(path)


def test_large_files_are_refused_unread(tmp_path):
    path = tmp_path / "h.csv"
    with open(path, "wb") as file:
        file.truncate(2**27 + 1)
    with pytest.raises(ValueError, match="Received: 134,217,729"):
        histories.read(path)
