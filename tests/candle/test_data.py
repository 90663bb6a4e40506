"""Data as CANDLE programs prepare it: arrays, tables, noise."""

from __future__ import annotations

import random
from pathlib import Path

import numpy
import pytest

from candle_spec import candle
from candle_spec.errors import InvalidInputError


class TestArrays:
    def test_scaling(self) -> None:
        table = numpy.array([[1.0, 5.0], [-2.0, 5.0]])
        assert candle.scale_array(table, "maxabs").tolist() == [[0.5, 1.0], [-1.0, 1.0]]
        assert candle.scale_array(table, "minmax").tolist() == [[1.0, 0.0], [0.0, 0.0]]
        assert candle.scale_array(table, "std")[:, 0].tolist() == [1.0, -1.0]
        assert candle.scale_array(table, "none") is candle.scale_array(table) is table
        with pytest.raises(InvalidInputError, match="maxabs, minmax"):
            candle.scale_array(table, "log")

    def test_gaps(self) -> None:
        table = numpy.array([[1.0, 4.0], [numpy.nan, 2.0], [3.0, numpy.nan]])
        assert candle.impute_and_scale_array(table).tolist() == [[1.0, 4.0], [2.0, 2.0], [3.0, 3.0]]
        assert candle.impute_and_scale_array(table, "minmax")[1].tolist() == [0.5, 0.0]
        assert numpy.isnan(table[1, 0])
        with pytest.raises(InvalidInputError, match="column 1 holds no value"):
            candle.impute_and_scale_array([[1.0, numpy.nan]])

    def test_classes(self) -> None:
        one_hot = candle.to_categorical([0, 2, 1])
        assert one_hot.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
        assert candle.to_categorical([0], 4).shape == (1, 4)
        assert candle.convert_to_class(one_hot).tolist() == [0, 2, 1]
        assert candle.discretize_array(numpy.arange(10), 5).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


@pytest.mark.framework
class TestTables:
    def test_csv(self, tmp_path: Path) -> None:
        (tmp_path / "train.csv").write_text("id,kind,a,b\n1,x,1,10\n2,y,2,20\n3,x,3,30\n4,y,4,40\n")
        (tmp_path / "test.csv").write_text("id,kind,a,b\n5,y,5,50\n")
        found = candle.load_csv_data(
            str(tmp_path / "train.csv"), str(tmp_path / "test.csv"), y_cols=["kind"], onehot_cols=["kind"],
            drop_cols=["id", "kind"], scaling="minmax", validation_split=0.25, return_dataframe=False,
            return_header=True,
        )  # fmt: skip
        x_train, y_train, x_val, _, x_test, y_test, x_header, y_header = found
        assert (x_train.shape, x_val.shape, x_test.shape) == ((3, 2), (1, 2), (1, 2))
        assert x_test.tolist() == [[1.0, 1.0]]
        assert y_train.tolist() == [[1, 0], [0, 1], [1, 0]]
        assert y_test.tolist() == [[0, 1]]
        assert (x_header, y_header) == (["a", "b"], ["kind:x", "kind:y"])

    def test_shuffled_rows_keep_their_labels(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_text("y,a\n" + "".join(f"{i},{i}\n" for i in range(50)))
        x, y = candle.load_csv_data(
            str(tmp_path / "t.csv"), y_cols=["y"], shuffle=True, return_dataframe=False, seed=1.0
        )
        assert x[:, 0].tolist() == y[:, 0].tolist() != list(range(50))

    def test_the_tables_that_there_are(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_text("a,b,c\n1,2,3\n3,4,5\n")
        path = str(tmp_path / "t.csv")
        assert [part.shape for part in candle.load_csv_data(path, return_dataframe=False)] == [(2, 3)]
        x, x_val = candle.load_csv_data(path, x_cols=[0, "c"], validation_split=0.5)
        assert (list(x.columns), x.to_numpy().tolist(), x_val.to_numpy().tolist()) == (["a", "c"], [[1, 3]], [[3, 5]])
        assert [len(each.columns) for each in candle.load_csv_data(path, path, y_cols="a", n_cols=1)] == [1, 1, 1, 1]

    def test_classes_of_a_column(self, tmp_path: Path) -> None:
        rows = "".join(f"c{i},{i % 3},{i},{i * 2}\n" for i in range(20))
        for name in ("train", "test"):
            (tmp_path / f"{name}.csv").write_text(f"case_id,cancer_type,g1,g2\n{rows}")
        given = [str(tmp_path / "train.csv"), str(tmp_path / "test.csv")]
        keywords = {"class_col": ["cancer_type"], "drop_cols": ["case_id", "cancer_type"], "scaling": "minmax"}
        (x, y), (x_val, y_val), (x_test, _) = candle.load_Xy_one_hot_data2(*given, **keywords)
        assert (x.shape, y.shape, x_val.shape, y_val.shape) == ((18, 2), (18, 3), (2, 2), (2, 3))
        assert x_val[:, 0].tolist() == [0.0, pytest.approx(1 / 19)]  # the first rows, as in CANDLE
        assert (x.dtype, x_test.shape) == (numpy.float32, (20, 2))
        (_, numbers), *_ = candle.load_Xy_data2(*given, **keywords)
        assert numbers.tolist() == y.argmax(axis=1).tolist()
        by_number = candle.load_Xy_one_hot_data2(*given, 1, [0], scaling="minmax")
        assert numpy.array_equal(by_number[0][0], x)


class TestNoise:
    """The numbers are those of candle_lib with the same seeds: drawn one by one, by Python's generator."""

    def test_labels(self) -> None:
        labels = numpy.eye(2)[[0, 1, 0, 1]]
        flipped, share = candle.label_flip(labels.copy(), 1.0)
        assert (flipped.tolist(), share) == ((1 - labels).tolist(), 1.0)
        assert candle.label_flip(labels.copy(), 0.0)[1] == 0.0
        x = numpy.array([[0.0], [9.0], [0.0], [9.0]])
        flipped, share = candle.label_flip_correlated(labels.copy(), 1.0, x, 0, 5.0)
        assert share == 0.5
        assert flipped[0].tolist() == labels[0].tolist()

    def test_the_same_seed_flips_the_same_labels(self) -> None:
        labels = numpy.eye(2)[[0] * 50]
        random.seed(7)
        expected = [row for row in range(50) if random.random() < 0.3]
        random.seed(7)
        flipped, share = candle.label_flip(labels.copy(), 0.3)
        assert numpy.flatnonzero(flipped[:, 1]).tolist() == expected
        assert share == len(expected) / 50
        x = numpy.arange(50.0)[:, None]
        random.seed(7)
        draws = [random.random() < 0.3 for _ in range(20)]
        random.seed(7)
        flipped, _ = candle.label_flip_correlated(labels.copy(), 0.3, x, [0], 29.5)
        assert numpy.flatnonzero(flipped[:, 1]).tolist() == [30 + i for i, drawn in enumerate(draws) if drawn]

    def test_two_columns_one_after_the_other(self) -> None:
        labels, x = numpy.eye(2)[[0, 0]], numpy.array([[1.0, 1.0], [1.0, 0.0]])
        flipped, share = candle.label_flip_correlated(labels, 1.0, x, [0, 1], 0.5)
        assert (flipped[:, 0].tolist(), share) == ([1.0, 0.0], 0.5)  # the first is flipped back

    def test_features(self) -> None:
        x = numpy.zeros((200, 2), "float32")
        noisy = candle.add_gaussian_noise(x, 5, 0.1)
        assert (noisy.mean(), noisy.dtype) == (pytest.approx(5, abs=0.1), x.dtype)
        noisy = candle.add_column_noise(x.copy(), 0.0, 1.0, [1], "uniform")
        assert not noisy[:, 0].any()
        assert -1 <= noisy[:, 1].min() < -0.5 < 0.5 < noisy[:, 1].max() <= 1
        noisy = candle.add_cluster_noise(x.copy(), 0.0, 1.0, [0], "gaussian", [3, 4], 1.0)
        assert numpy.flatnonzero(noisy).tolist() == [6, 8]
        assert not candle.add_cluster_noise(x.copy(), 0.0, 1.0, [0], "gaussian", [3, 4], 0.0).any()
        with pytest.raises(InvalidInputError, match="gaussian or uniform"):
            candle.add_column_noise(x, 0.0, 1.0, [1], "pink")

    @pytest.mark.parametrize(
        ("params", "features", "labels"),
        [
            ({}, 0, 0),
            ({"add_noise": False, "label_noise": 1.0}, 0, 0),
            ({"add_noise": True, "label_noise": 1.0}, 0, 4),
            ({"add_noise": True, "label_noise": 1.0, "noise_correlated": True, "feature_col": [0],
              "feature_threshold": 2.5}, 0, 1),
            ({"add_noise": True, "label_noise": 0.0, "noise_gaussian": True, "std_dev": 0.5}, 8, 0),
            ({"add_noise": True, "noise_column": True, "std_dev": 0.5, "feature_col": [1]}, 4, 0),
            ({"add_noise": True, "noise_cluster": True, "std_dev": 0.5, "feature_col": [1], "sample_ids": [2]}, 0, 0),
        ],
    )  # fmt: skip
    def test_by_hyperparameters(self, params: dict, features: int, labels: int) -> None:
        x, y = numpy.arange(8.0).reshape(4, 2) % 4 + numpy.arange(4.0)[:, None] % 1, numpy.eye(2)[[0, 1, 0, 1]]
        x[:, 0] = [0, 1, 2, 3]
        new_x, new_y = candle.add_noise(x.copy(), y.copy(), params)
        assert int((new_x != x).sum()) == features
        assert int((new_y != y).any(axis=1).sum()) == labels
