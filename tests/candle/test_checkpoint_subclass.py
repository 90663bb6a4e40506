"""``CandleCkpt`` as the base of a program's own class, which writes and reads its own files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import numpy
import pytest

from candle_spec import candle
from candle_spec.errors import InvalidInputError
from candle_spec.series.series import Series
from tests.helpers.trainings.arrays import PARAMS, Arrays, last, sound, started, train

pytestmark = pytest.mark.filterwarnings("ignore:this process has trained")


class TestBackEnd:
    def test_the_file_is_the_payload_of_a_sound_checkpoint(self, tmp_path: Path) -> None:
        train(tmp_path, epochs=2, ckpt_checksum=True).report_final()
        checkpoint = sound(last(tmp_path))
        weights = checkpoint.manifest["weights"]
        assert (weights["kind"], weights["payload"]) == ("payload", [{"role": "model", "path": "model.npz"}])
        record = next(each for each in checkpoint.manifest["files"] if each["path"] == "model.npz")
        assert record["role"] == "payload"
        note = json.loads((last(tmp_path) / "ckpt-info.json").read_text())
        assert note["model_file"] == "model.npz"
        assert int(note["checksum"]) == zlib.crc32((last(tmp_path) / "model.npz").read_bytes())
        assert checkpoint.manifest["training_state"]["resume_grade"] == "inference-only"
        assert list((tmp_path / "ckpts/.candle/staging").iterdir()) == []

    def test_a_restart_is_as_if_there_had_been_none(self, tmp_path: Path) -> None:
        numpy.random.seed(3)
        whole = train(tmp_path / "whole").model["w"].tolist()
        numpy.random.seed(3)
        train(tmp_path / "parts", epochs=2).close()
        numpy.random.seed(99)
        resumed = train(tmp_path / "parts")
        assert resumed.model["w"].tolist() == whole
        assert resumed.J["epoch"] == 2

    def test_killed_while_it_writes(self, tmp_path: Path, root: Path) -> None:
        code = (
            "import os, signal, sys\n"
            "sys.path.insert(0, sys.argv[2])\n"
            "from tests.helpers.trainings.arrays import Arrays, train\n"
            "from pathlib import Path\n"
            "class Killed(Arrays):\n"
            "    def write_model_backend(self, model, epoch):\n"
            "        if epoch == 3:\n"
            "            Path(self.model_file).write_bytes(b'half')\n"
            "            os.kill(os.getpid(), signal.SIGKILL)\n"
            "        super().write_model_backend(model, epoch)\n"
            "train(Path(sys.argv[1]), kind=Killed)\n"
        )
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path), str(root)], capture_output=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
        assert len(list((tmp_path / "ckpts/.candle/staging").iterdir())) == 1
        assert not (tmp_path / "ckpts/epochs/003").exists()
        ckpt = train(tmp_path)
        assert ckpt.J["epoch"] == 2
        assert list((tmp_path / "ckpts/.candle/staging").iterdir()) == []
        ckpt.close()
        sound(last(tmp_path))

    def test_the_default_name_and_a_function_that_adds_an_ending(self, tmp_path: Path) -> None:
        class Default(Arrays):
            model_file = "model.h5"

        train(tmp_path, kind=Default, epochs=1).close()
        assert (last(tmp_path) / "model.h5.npz").is_file()
        ckpt = started(tmp_path, Default, {"w": numpy.full(3, 9.0)})
        assert ckpt.restart()["model_file"] == "model.h5.npz"
        assert ckpt.model["w"].max() < 9
        assert ckpt.model_file == "model.h5"

    def test_a_model_of_several_files(self, tmp_path: Path) -> None:
        class Folder(Arrays):
            model_file = "saved"

            def write_model_backend(self, model, epoch):
                Path(self.model_file, "variables").mkdir(parents=True)
                numpy.save(Path(self.model_file, "variables", "w.npy"), model["w"])
                Path(self.model_file, "graph.txt").write_text("w")

            def build_model(self, model_file):
                assert (Path(model_file) / "graph.txt").read_text() == "w"
                return {"w": numpy.load(Path(model_file) / "variables" / "w.npy")}

        first = train(tmp_path, kind=Folder, epochs=2)
        first.close()
        assert len(sound(last(tmp_path)).manifest["weights"]["payload"]) == 2
        ckpt = started(tmp_path, Folder)
        ckpt.restart()
        assert ckpt.model["w"].tolist() == first.model["w"].tolist()

    def test_files_of_one_stem(self, tmp_path: Path) -> None:
        class Stem(Arrays):
            model_file = "model.ckpt"

            def write_model_backend(self, model, epoch):
                numpy.savez(f"{self.model_file}.data.npz", **model)
                Path(f"{self.model_file}.index").write_text("w")

            def build_model(self, model_file):
                assert Path(f"{model_file}.index").read_text() == "w"

        train(tmp_path, kind=Stem, epochs=1).close()
        sound(last(tmp_path))
        assert started(tmp_path, Stem).restart()["epoch"] == 1

    def test_weights_only(self, tmp_path: Path) -> None:
        train(tmp_path, epochs=1, ckpt_save_weights_only=True).close()
        assert sorted(path.name for path in last(tmp_path).iterdir()) == [
            "candle-checkpoint.json", "ckpt-info.json", "model.npz",
        ]  # fmt: skip
        sound(last(tmp_path))
        assert started(tmp_path, ckpt_save_weights_only=True).restart()["epoch"] == 1

    def test_unchanged_files_are_shared(self, tmp_path: Path) -> None:
        class Frozen(Arrays):
            def write_model_backend(self, model, epoch):
                super().write_model_backend(model, epoch)
                path = Path(self.model_file)
                path.with_name("encoder.bin").write_bytes(bytes(100_000))

        train(tmp_path, kind=Frozen, epochs=4, ckpt_min_copies=1).close()
        held = {os.stat(tmp_path / f"ckpts/epochs/00{epoch}/encoder.bin").st_ino for epoch in (1, 2, 3, 4)}
        assert len(held) == 1

    def test_a_flipped_bit_in_the_file_is_found(self, tmp_path: Path) -> None:
        train(tmp_path, epochs=3).close()
        path = tmp_path / "ckpts/epochs/003/model.npz"
        path.chmod(0o644)
        data = bytearray(path.read_bytes())
        data[100] ^= 4
        path.write_bytes(data)
        assert started(tmp_path).restart()["epoch"] == 2

    def test_in_the_background(self, tmp_path: Path) -> None:
        train(tmp_path, ckpt_async=True, ckpt_keep_mode="all").close()
        assert [entry.epoch for entry in Series.read(tmp_path / "ckpts").entries()] == [1, 2, 3, 4, 5]
        sound(last(tmp_path))

    def test_a_checkpoint_of_candles_own(self, tmp_path: Path) -> None:
        place = tmp_path / "ckpts" / "epochs" / "004"
        place.mkdir(parents=True)
        numpy.savez(place / "model.npz", w=numpy.ones(3))
        (place / "ckpt-info.json").write_text(json.dumps({"epoch": 4, "model_file": "model.npz", "checksum": "1"}))
        (tmp_path / "ckpts" / "last").symlink_to(place)
        ckpt = started(tmp_path)
        assert ckpt.restart()["epoch"] == 4
        assert ckpt.model["w"].tolist() == [1, 1, 1]

    @pytest.mark.framework
    def test_a_pickle_is_declared_and_never_run_by_us(self, tmp_path: Path) -> None:
        import joblib
        from sklearn import linear_model

        class Sklearn(candle.CandleCkpt):
            model_file = "model.joblib"

            def write_model_backend(self, model, epoch):
                joblib.dump(model, self.model_file)

            def build_model(self, model_file):
                return joblib.load(model_file)

        model = linear_model.SGDRegressor(random_state=1)
        x, y = numpy.random.rand(20, 3), numpy.random.rand(20)
        ckpt = started(tmp_path, Sklearn, model, epochs=3)
        for epoch in range(3):
            model.partial_fit(x, y)
            ckpt.ckpt_epoch(epoch, "-", 1.0)
        ckpt.close()
        checkpoint = sound(last(tmp_path))
        assert checkpoint.manifest["model"]["framework"]["name"] == "scikit-learn"
        assert any(each["file"] == "model.joblib" for each in checkpoint.manifest["security"]["inert_pickle"])
        assert next(each["role"] for each in checkpoint.manifest["files"] if each["path"] == "model.joblib") == "code"
        again = started(tmp_path, Sklearn, linear_model.SGDRegressor())
        assert again.restart()["epoch"] == 3
        assert numpy.array_equal(again.model.coef_, model.coef_)

    @pytest.mark.framework
    def test_subclasses_of_the_torch_class(self, tmp_path: Path) -> None:
        import torch

        class Mine(candle.CandleCkptPyTorch):
            model_file = "weights.bin"

            def write_model_backend(self, model, epoch):
                Path(self.model_file).write_bytes(model["model"].weight.detach().numpy().tobytes())

            def build_model(self, model_file):
                data = torch.frombuffer(bytearray(Path(model_file).read_bytes()), dtype=torch.float32)
                self.model["model"].weight.data = data.reshape(2, 2)

        first = torch.nn.Linear(2, 2)
        ckpt = Mine({**PARAMS, "output_dir": str(tmp_path)})
        ckpt.set_model(first)
        ckpt.ckpt_epoch(0, 0.5)
        ckpt.close()
        sound(last(tmp_path))
        second = torch.nn.Linear(2, 2)
        again = Mine({**PARAMS, "output_dir": str(tmp_path)})
        again.set_model(second)
        assert again.restart()["epoch"] == 1
        assert torch.equal(second.weight, first.weight)


class TestMistakes:
    def test_no_back_end(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidInputError, match="has no write_model_backend"):
            started(tmp_path, candle.CandleCkpt).ckpt_epoch(0, "-", 1.0)

    @pytest.mark.parametrize(
        ("write", "message"),
        [
            (lambda path: None, "wrote nothing"),
            (lambda path: [path.with_name(each).write_text("x") for each in "ab"], "did not write model.npz, but a, b"),
            (lambda path: path.with_name("state.json").write_text("x"), "cannot be in a checkpoint"),
            (lambda path: path.with_name("rng.safetensors").write_text("x"), "cannot be in a checkpoint"),
            (lambda path: path.symlink_to("/etc/passwd"), "made a link"),
        ],
    )
    def test_files_that_cannot_be(self, tmp_path: Path, write, message: str) -> None:
        class Wrong(Arrays):
            def write_model_backend(self, model, epoch):
                write(Path(self.model_file))

        ckpt = started(tmp_path, Wrong)
        with pytest.raises(InvalidInputError, match=message):
            ckpt.ckpt_epoch(0, "-", 1.0)
        assert ckpt.model_file == "model.npz"
        ckpt.close()
        assert list((tmp_path / "ckpts/epochs").iterdir()) == []

    def test_an_error_of_the_programs_own_comes_up(self, tmp_path: Path) -> None:
        class Named(Arrays):
            def build_model(self, model_file):
                raise OSError("no such format")

        train(tmp_path, epochs=1).close()
        with pytest.raises(OSError, match="no such format"):
            started(tmp_path, Named).restart()

    @pytest.mark.framework
    def test_a_checkpoint_of_another_class(self, tmp_path: Path) -> None:
        import torch

        ckpt = candle.CandleCkptPyTorch({**PARAMS, "output_dir": str(tmp_path)})
        ckpt.set_model(torch.nn.Linear(2, 2))
        ckpt.ckpt_epoch(0, 0.5)
        ckpt.close()
        with pytest.raises(InvalidInputError, match="no file of the program's own"):
            started(tmp_path).restart()
