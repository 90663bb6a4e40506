"""Trainers on several processes in a way that is not supported say so before anything is trained."""

from types import SimpleNamespace

import pytest

from candle_spec.errors import InvalidInputError

pytestmark = pytest.mark.framework


class FSDPStrategy:
    launcher = None


class DDPStrategy:
    class _MultiProcessingLauncher:
        pass

    launcher = _MultiProcessingLauncher()


@pytest.mark.parametrize("strategy", [FSDPStrategy(), DDPStrategy()])
def test_lightning_shards_and_spawned_processes(strategy, tmp_path):
    pytest.importorskip("lightning")
    from candle_spec.callbacks.lightning import checkpoint_callback

    checkpoints = checkpoint_callback(tmp_path / "ckpts")
    strategy.checkpoint_io = checkpoints.io
    trainer = SimpleNamespace(strategy=strategy, world_size=2, global_rank=0)
    with pytest.raises(InvalidInputError, match="2 processes is not supported") as caught:
        checkpoints.setup(trainer, None, "fit")
    assert "ddp" in caught.value.hint
    assert not (tmp_path / "ckpts").exists()


def test_the_trainer_with_fsdp(tmp_path):
    pytest.importorskip("transformers")
    from candle_spec.callbacks.transformers import checkpoint_callback

    checkpoints = checkpoint_callback(tmp_path / "ckpts")
    handler = SimpleNamespace(callbacks=[checkpoints])
    trainer = SimpleNamespace(callback_handler=handler, is_fsdp_enabled=True, is_deepspeed_enabled=False)
    with pytest.raises(InvalidInputError, match="shards the model") as caught:
        checkpoints.train(trainer)
    assert "DDP is" in caught.value.hint


def test_a_process_that_launchers_number_does_not_open_the_series(tmp_path, monkeypatch):
    pytest.importorskip("lightning")
    from candle_spec.callbacks.lightning import checkpoint_callback

    monkeypatch.setenv("LOCAL_RANK", "1")
    checkpoints = checkpoint_callback(tmp_path / "ckpts")
    assert checkpoints.ckpt_path is None
    assert not (tmp_path / "ckpts").exists()
    checkpoints.recorder.is_alone()  # a variable that was left over: the trainer is the only process
    checkpoints.recorder.start()
    assert (tmp_path / "ckpts" / "epochs").is_dir()
    checkpoints.recorder.close()


def test_a_series_that_is_just_being_made_is_none_yet(tmp_path, monkeypatch):
    """Another process makes the folder while this one looks: no series, and no error."""
    pytest.importorskip("lightning")
    from candle_spec.callbacks.lightning import checkpoint_callback

    monkeypatch.setenv("RANK", "1")
    (tmp_path / "ckpts").mkdir()
    assert checkpoint_callback(tmp_path / "ckpts").ckpt_path is None
    with pytest.raises(InvalidInputError, match="a restart is required"):
        _ = checkpoint_callback(tmp_path / "ckpts", params={"ckpt_restart_mode": "required"}).ckpt_path
