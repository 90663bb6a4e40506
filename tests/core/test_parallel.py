"""How many threads may run: what the user asks for, within what the machine's rules leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from candle_spec import parallel


def _groups(root: Path, files: dict[str, str], membership: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in files.items():
        path = root / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
    (root / "membership").write_text(membership, encoding="ascii")
    monkeypatch.setattr(parallel, "_GROUPS", root / "cgroup")
    monkeypatch.setattr(parallel, "_MEMBERSHIP", root / "membership")
    monkeypatch.setattr(parallel, "_affinity", lambda: 64)


@pytest.mark.parametrize(
    ("files", "membership", "expected"),
    [
        ({"cpu.max": "max 100000\n"}, "0::/\n", 64),
        ({"cpu.max": "300000 100000\n"}, "0::/\n", 3),
        ({"cpu.max": "50000 100000\n"}, "0::/\n", 1),
        ({"slurm/job/cpu.max": "800000 100000\n", "slurm/cpu.max": "max 100000\n"}, "0::/slurm/job\n", 8),
        ({"slurm/job/cpu.max": "max 100000\n", "slurm/cpu.max": "400000 100000\n"}, "0::/slurm/job\n", 4),
        ({"cpu.max": "200000 100000\n"}, "0::/docker/0123\n", 2),
        (
            {"cpu,cpuacct/job/cpu.cfs_quota_us": "500000\n", "cpu,cpuacct/job/cpu.cfs_period_us": "100000\n"},
            "3:cpuset:/job\n2:cpu,cpuacct:/job\n",
            5,
        ),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, "2:cpu:/\n", 64),
        ({"cpu.max": "nonsense\n"}, "0::/\n", 64),
        ({}, "0::/\n", 64),
    ],
)
def test_the_control_groups_limit_the_threads(
    files: dict[str, str], membership: str, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _groups(tmp_path, files, membership, monkeypatch)
    assert parallel.jobs(1000) == expected
    assert parallel.jobs() == min(2, expected)
    assert parallel.jobs(0) == 1


def test_a_system_without_control_groups_limits_by_its_processors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "_MEMBERSHIP", tmp_path / "none")
    monkeypatch.setattr(parallel, "_affinity", lambda: 7)
    assert parallel.jobs(1000) == 7
