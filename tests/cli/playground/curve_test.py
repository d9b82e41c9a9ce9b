from keras_cem.cli.playground.curve import Curve


def test_all_rows_are_kept_while_there_is_room():
    curve = Curve(size=4)
    for x in range(1, 5):
        curve.add(x, 10.0 * x)
    assert curve.rows == [[1, 10.0], [2, 20.0], [3, 30.0], [4, 40.0]]


def test_size_is_limited_and_the_last_row_is_shown():
    curve = Curve(size=50)
    for x in range(1, 100_001):
        curve.add(x, None)
        assert len(curve.rows) <= 51
    rows = [row[0] for row in curve.rows]
    assert rows[0] == 1
    assert rows[-1] == 100_000
    assert rows == sorted(set(rows))
    assert len(rows) > 25


def test_a_cleared_curve_begins_again():
    curve = Curve(size=2)
    for x in range(9):
        curve.add(x)
    curve.clear()
    assert curve.rows == []
    curve.add(1, 2.0)
    assert curve.rows == [[1, 2.0]]
