"""Several processes write one checkpoint: each byte once, into one folder, and whoever fails leaves no half of one."""

import errno
import os
import threading
from dataclasses import replace

import numpy as np
import pytest

from candle_spec.atomic import Fs
from candle_spec.errors import WriteFailedError
from candle_spec.series.saves.crew import WORTH_DEALING, Apart, Crew, deal
from candle_spec.series.series import Series
from candle_spec.weights.shards import plan_group
from tests.helpers.series.faults import Counting, Crash, Dying
from tests.helpers.series.states import branch_of, check_sound, floats, settings, state, tensor
from tests.helpers.series.teams import together

LARGE = WORTH_DEALING // 4 + 1000
"""Numbers of a tensor that is worth a file of its own."""


class Bytewise(Fs):
    """Counts the bytes that are written to weights files, by name."""

    def __init__(self):
        self.written = {}

    def write(self, file, data):
        name = os.path.basename(os.readlink(f"/proc/self/fd/{file.fileno()}"))
        if name.endswith(".safetensors"):
            self.written[name] = self.written.get(name, 0) + memoryview(data).nbytes
        super().write(file, data)


def train(folder, epochs, size, systems, *, made=state, **more):
    """Save epochs by several processes, the first of which has the series; return what became of each."""

    def work(team):
        fs = systems[team.rank]
        if team.rank:
            for epoch in epochs:
                Crew(team, made(epoch, size=size).contents.tensors, fs, jobs=1, direct=False).follow()
            return None
        saved = []
        with Series.create_or_open(folder, settings=settings(direct_io="off", **more), fs=fs) as series:
            for epoch in epochs:
                now = made(epoch, size=size)
                crew = Crew(team, now.contents.tensors, fs, jobs=1, direct=False)
                try:
                    saved.append(series.save(now, crew=crew))
                finally:
                    crew.dismiss()
        return saved

    return together(len(systems), work)


def weights_of(path):
    return {file.name: file.stat() for file in path.glob("*.safetensors")}


def test_every_byte_of_a_tensor_is_written_once_and_by_more_than_one_process(tmp_path):
    systems = [Bytewise() for _ in range(3)]
    saved, *others = train(tmp_path / "ckpts", [1], LARGE, systems)
    assert others == [None, None]
    held = weights_of(saved[0].path)
    everywhere = [(name, count) for fs in systems for name, count in fs.written.items()]
    assert sorted(everywhere) == sorted((name, status.st_size) for name, status in held.items())
    assert all(fs.written for fs in systems)
    assert saved[0].written_bytes >= sum(status.st_size for status in held.values())
    assert branch_of(saved[0].path) == (1, 0)


def test_what_did_not_change_is_shared_whoever_wrote_it(tmp_path):
    systems = [Bytewise() for _ in range(2)]
    saved = train(tmp_path / "ckpts", [1, 2, 3], LARGE, systems)[0]
    held = [weights_of(each.path) for each in saved]
    shared = [name for name in held[2] if held[2][name].st_ino == held[1][name].st_ino]
    assert len(shared) == 1
    assert held[2][shared[0]].st_size > 4 * 4 * LARGE - 1
    assert saved[2].shared_bytes >= held[2][shared[0]].st_size
    total = sum(count for fs in systems for count in fs.written.values())
    unique = {status.st_ino: status.st_size for each in held for status in each.values()}
    assert total == sum(unique.values())
    with Series.create_or_open(tmp_path / "ckpts") as series:
        assert check_sound(series) == {1: 0, 2: 0, 3: 0}


def test_with_two_copies_the_unchanged_is_written_twice_and_then_shared(tmp_path):
    saved = train(tmp_path / "ckpts", [1, 2, 3, 4], LARGE, [Fs(), Fs()], min_copies=2)[0]
    names = [max(weights_of(each.path).items(), key=lambda row: row[1].st_size)[1].st_ino for each in saved]
    assert names[0] != names[1]
    assert names[2] == names[0]
    assert names[3] == names[1]


def test_what_is_there_already_is_not_written_again(tmp_path):
    train(tmp_path / "ckpts", [1], LARGE, [Fs(), Fs()])
    systems = [Bytewise(), Bytewise()]
    saved = train(tmp_path / "ckpts", [1], LARGE, systems)[0]
    assert saved[0].unchanged
    assert [fs.written for fs in systems] == [{}, {}]


def test_a_full_disk_of_one_process_fails_the_save_in_the_first_and_leaves_the_old(tmp_path):
    class Full(Fs):
        asked = 0

        def write(self, file, data):
            Full.asked += 1
            if Full.asked > 1:
                raise OSError(errno.ENOSPC, "no space")
            super().write(file, data)

    folder = tmp_path / "ckpts"
    train(folder, [1], LARGE, [Fs(), Fs()])
    first, second = train(folder, [2], LARGE, [Fs(), Full()])
    assert isinstance(first, WriteFailedError)
    assert first.__cause__.errno == errno.ENOSPC
    assert "process 1" in str(first.__cause__)
    assert second is None
    assert list((folder / ".candle" / "staging").iterdir()) == []
    assert [each.epoch for each in train(folder, [2], LARGE, [Fs(), Fs()])[0]] == [2]
    with Series.create_or_open(folder) as series:
        assert check_sound(series) == {1: 0, 2: 0}


@pytest.mark.parametrize("who", [0, 1])
@pytest.mark.slow
def test_a_process_that_dies_anywhere_leaves_whole_checkpoints_only(tmp_path, who):
    """Killed before each of its calls in turn: the series has the old epochs, or the new one as well."""
    at, found = 0, set()
    while True:
        folder = tmp_path / str(at)
        train(folder, [1, 2], 64, [Fs(), Fs()])
        systems = [Fs(), Fs()]
        systems[who] = Dying(at)
        outcome = train(folder, [3], 64, systems)
        if not systems[who].dead:
            break
        assert isinstance(outcome[who], Crash)
        with Series.create_or_open(folder, settings=settings()) as series:
            epochs = check_sound(series)
            assert list((folder / ".candle" / "staging").iterdir()) == []
        assert epochs.keys() in ({1, 2}, {1, 2, 3})
        found.add(len(epochs))
        at += 1
    assert at > 4
    assert found == ({2, 3} if who == 0 else {2})
    assert not [error for error in outcome if isinstance(error, BaseException)]


def test_what_a_process_wrote_is_durable_before_it_answers(tmp_path):
    """Every file, then the folder; the first process gives the checkpoint its name only behind that."""
    systems = [Fs(), Counting()]
    train(tmp_path / "ckpts", [1], LARGE, systems)
    calls = [name for name in systems[1].calls if name != "write"]
    files = calls.count("open_new")
    assert files >= 1
    assert calls == ["open_new"] * files + ["sync_file"] * files + ["sync_folder"]
    lax = [Fs(), Counting()]
    train(tmp_path / "lax", [1], LARGE, lax, durability="off")
    assert not {"sync_file", "sync_folder"} & set(lax[1].calls)


def test_what_is_spread_over_processes_is_put_together_by_all_of_them(tmp_path):
    gathered = []
    whole = floats(LARGE, 3.0)
    barrier = threading.Barrier(3)

    def gather():
        barrier.wait(60)  # nobody gets there alone
        gathered.append(1)
        return whole

    def made(epoch, size):
        now = state(epoch, size=size)
        apart = tensor("model", "spread", LARGE, 0.0)
        apart = replace(apart, parts={"": replace(apart.parts[""], data=Apart(4 * LARGE, gather))})
        return replace(now, contents=replace(now.contents, tensors=[*now.contents.tensors, apart]))

    saved = train(tmp_path / "ckpts", [1], 64, [Fs(), Fs(), Fs()], made=made)[0]
    assert len(gathered) == 3
    from candle_spec.checkpoint.checkpoint import Checkpoint

    assert np.array_equal(Checkpoint(saved[0].path).tensor("model", "spread"), whole.array)


def test_files_are_dealt_by_size():
    tensors = [tensor("model", f"t{number}", 100 * (number + 1), 0.0) for number in range(5)]
    files = plan_group("model", tensors, {}, 1024).files
    dealt = deal(files, 2)
    loads = [sum(file.header.file_size for file in dealt if file.owner == rank) for rank in range(2)]
    assert max(loads) < sum(loads) * 0.7
    assert {file.name for file in dealt} == {file.name for file in files}
