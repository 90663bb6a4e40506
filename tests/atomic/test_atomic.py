"""Writing is crash-safe: at every call the final name holds the whole old or the whole new content."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from candle_spec.atomic import STAGING_MARK, Fs, Staging, private_name, recover, replace_file
from candle_spec.atomic.staging import _place
from candle_spec.errors import OutputExistsError, WriteFailedError

CALLS = (
    "open_new",
    "write",
    "copy_range",
    "sync_file",
    "sync_folder",
    "make_folder",
    "rename",
    "exchange",
    "remove_tree",
)


class Crash(BaseException):
    """The process dies here: nothing after it runs, no clean-up either."""


class Faulty(Fs):
    """Counts calls, and stops or fails at one of them."""

    def __init__(self, at: int = -1, error: int = 0, *, can_exchange: bool = True) -> None:
        self.calls: list[str] = []
        self._at = at
        self._error = error
        self._can_exchange = can_exchange

    def _count(self, name: str) -> None:
        self.calls.append(name)
        if len(self.calls) - 1 == self._at:
            if self._error:
                raise OSError(self._error, os.strerror(self._error))
            raise Crash(name)

    def exchange(self, first: Path, second: Path) -> bool:
        self._count("exchange")
        return super().exchange(first, second) if self._can_exchange else False


def _counted(name: str) -> Callable[..., Any]:
    def method(self: Faulty, *args: Any, **kwargs: Any) -> Any:
        self._count(name)
        return getattr(Fs, name)(self, *args, **kwargs)

    return method


for _name in CALLS:
    if _name != "exchange":
        setattr(Faulty, _name, _counted(_name))

OLD = {"a": b"old", "b/c": b"old too"}
NEW = {"a": b"new", "d": b"added"}


def content(folder: Path) -> dict[str, bytes] | None:
    if not folder.exists():
        return None
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def save(target: Path, files: dict[str, bytes], fs: Fs, *, overwrite: bool = True) -> None:
    with Staging(target, overwrite=overwrite, fs=fs) as staging:
        for name, data in files.items():
            staging.write(name, data)
        staging.commit()


def leftovers(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir() if entry.name.startswith(".")]


def die_as_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead process cleans nothing up, and its number belongs to nobody."""
    monkeypatch.setattr(Staging, "__exit__", lambda *_: None)
    monkeypatch.setattr("candle_spec.atomic.staging._owner_alive", lambda name: False)


@pytest.mark.parametrize("can_exchange", [True, False], ids=["exchange", "aside"])
@pytest.mark.parametrize("exists", [True, False], ids=["replace", "new"])
def test_a_crash_at_any_call_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exists: bool, can_exchange: bool
) -> None:
    measure = Faulty(can_exchange=can_exchange)
    save(tmp_path / "measure" if not exists else _made(tmp_path / "measure"), NEW, measure)
    assert len(measure.calls) > 8
    die_as_a_process(monkeypatch)
    seen = set()
    for call in range(len(measure.calls)):
        target = tmp_path / f"run{call}" / "target"
        target.parent.mkdir()
        if exists:
            _made(target)
        with pytest.raises(Crash):
            save(target, NEW, Faulty(call, can_exchange=can_exchange))
        found = content(target)
        old: dict[str, bytes] | None = OLD if exists else None
        assert found in (old, NEW) or (found is None and not can_exchange), measure.calls[call]
        recover(target)  # what the next command does first
        assert content(target) in (old, NEW), measure.calls[call]
        assert leftovers(target.parent) == []
        seen.add(str(content(target)))
        save(target, NEW, Fs())
        assert content(target) == NEW
    assert len(seen) == 2, "both outcomes must occur, or the test sees nothing"


def _made(target: Path) -> Path:
    save(target, OLD, Fs())
    return target


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_refusal_at_any_call_leaves_the_old_content(tmp_path: Path, error: int) -> None:
    measure = Faulty()
    save(_made(tmp_path / "measure"), NEW, measure)
    # After the exchange the new content is there; removing the old one may fail without harm to either.
    published = measure.calls.index("exchange")
    for call in range(published + 1):
        target = _made(tmp_path / f"target{call}")
        with pytest.raises((WriteFailedError, OSError)):
            save(target, NEW, Faulty(call, error))
        assert content(target) == OLD
    assert leftovers(tmp_path) == []


def test_a_full_disk_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(WriteFailedError, match="disk is full"):
        save(tmp_path / "target", NEW, Faulty(0, errno.ENOSPC))


def test_an_existing_output_is_refused(tmp_path: Path) -> None:
    target = _made(tmp_path / "target")
    with pytest.raises(OutputExistsError):
        save(target, NEW, Fs(), overwrite=False)
    assert content(target) == OLD


def test_an_error_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Staging(tmp_path / "target") as staging:
        staging.write("a", b"1")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_what_another_process_made_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "target"
    with pytest.raises(OutputExistsError), Staging(target) as slow:
        slow.write("a", b"slow")
        save(target, OLD, Fs(), overwrite=False)
        slow.commit()
    assert content(target) == OLD
    assert list(tmp_path.iterdir()) == [target]


class FasterNeighbour(Fs):
    """Another process takes the final name between the last look and the rename."""

    def rename(self, source: Path, target: Path) -> None:
        target.mkdir()
        (target / "theirs").write_bytes(b"1")
        super().rename(source, target)


def test_a_neighbour_that_is_faster_by_a_hair_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(OutputExistsError):
        save(tmp_path / "target", NEW, FasterNeighbour(), overwrite=False)
    assert content(tmp_path / "target") == {"theirs": b"1"}


def test_a_private_file_of_a_killed_process_is_removed(tmp_path: Path) -> None:
    target = tmp_path / "manifest.json"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / f".{target.name}{STAGING_MARK}{gone.pid}-{_place()}-00000000").write_bytes(b"1")
    private_name(target).write_bytes(b"of a living process")
    replace_file(target, b"2")
    assert sorted(path.read_bytes() for path in tmp_path.iterdir()) == [b"2", b"of a living process"]


def test_private_files_of_another_machine_are_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "manifest.json"
    theirs = tmp_path / f".{target.name}{STAGING_MARK}1-0badcafe-00000000"
    theirs.write_bytes(b"1")
    replace_file(target, b"2")
    assert theirs.exists()


def test_folders_of_living_processes_are_left_alone(tmp_path: Path) -> None:
    with Staging(tmp_path / "target") as first, Staging(tmp_path / "target") as second:
        assert first.path.exists()
        second.write("a", b"1")
        second.commit()
    assert content(tmp_path / "target") == {"a": b"1"}


class Durable(Fs):
    """Records what would survive a power cut: contents at their last sync, names at the last sync of their folder."""

    def __init__(self, dropped: str = "") -> None:
        self.data: dict[int, bytes] = {}
        self.names: dict[str, dict[str, int]] = {}
        self._dropped = dropped

    def sync_file(self, file: BinaryIO) -> None:
        if self._dropped != "sync_file":
            self.data[os.fstat(file.fileno()).st_ino] = Path(f"/proc/self/fd/{file.fileno()}").read_bytes()

    def sync_folder(self, path: Path) -> None:
        kind = "sync_parent" if not path.name.startswith(".") and "staging" not in str(path) else "sync_staging"
        if self._dropped != kind:
            inode = str(path.stat().st_ino)
            self.names[inode] = {entry.name: entry.stat().st_ino for entry in path.iterdir()}

    def survives(self, parent: Path, name: str) -> dict[str, bytes] | None:
        """What is under the name after the power came back."""
        inode = self.names.get(str(parent.stat().st_ino), {}).get(name)
        return self._tree(inode) if inode is not None else None

    def _tree(self, inode: int, prefix: str = "") -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for name, child in self.names.get(str(inode), {}).items():
            if str(child) in self.names:
                found |= self._tree(child, f"{prefix}{name}/")
            else:
                found[prefix + name] = self.data.get(child, b"")
        return found


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads back open files by /proc")
@pytest.mark.parametrize("dropped", ["", "sync_file", "sync_staging", "sync_parent"])
def test_power_loss(tmp_path: Path, dropped: str) -> None:
    """After commit all survives; dropping any kind of sync loses something, so none is superfluous."""
    fs = Durable(dropped)
    save(tmp_path / "target", {"a": b"one", "b/c": b"two"}, fs)
    survived = fs.survives(tmp_path, "target")
    assert (survived == {"a": b"one", "b/c": b"two"}) == (dropped == "")


def test_replace_file(tmp_path: Path) -> None:
    path = tmp_path / "manifest"
    replace_file(path, b"one")
    replace_file(path, b"two")
    assert path.read_bytes() == b"two"
    measure = Faulty()
    replace_file(path, b"three", fs=measure)
    for call in range(measure.calls.index("rename") + 1):
        with pytest.raises((WriteFailedError, OSError)):
            replace_file(path, b"four", fs=Faulty(call, errno.ENOSPC))
        assert path.read_bytes() == b"three"
    assert leftovers(tmp_path) == []
