"""Trainings in processes of their own: they may be killed."""

import os
import subprocess
import sys


def run(framework, folder, kill_at):
    """Train by ``programs``, in one process."""
    call = [sys.executable, "-m", "tests.helpers.trainings.programs", framework, str(folder), str(kill_at)]
    return subprocess.run(call, capture_output=True, text=True, timeout=240, check=False)


def torchrun(processes, module, *arguments):
    """Train by a module beside this one, in several processes."""
    call = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    call += ["-m", f"tests.helpers.trainings.{module}", *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(call, capture_output=True, text=True, timeout=240, check=False, env=environment)


def result(run):
    """Return the words behind ``result`` that a training prints at its end."""
    assert run.returncode == 0, run.stderr[-3000:]
    return next(line for line in run.stdout.splitlines() if line.startswith("result ")).split()[1:]
