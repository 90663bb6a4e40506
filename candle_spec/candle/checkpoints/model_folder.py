"""A model and its note in a folder of the caller's: copies for other tools, outside the series.

Names and calls are those of https://github.com/ECP-CANDLE/candle_lib (``ckpt_utils.py``); :class:`CandleCkpt` has these
functions as its methods.
"""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Any

from candle_spec.atomic import Fs, replace_file
from candle_spec.candle.checkpoints.interface import Ckpt
from candle_spec.candle.checkpoints.program_state import writing_to
from candle_spec.candle.checkpoints.save_notes import checked_note, checksummed
from candle_spec.errors import InvalidInputError
from candle_spec.series.candle_files import ckpt_info, ckpt_log
from candle_spec.series.candle_files.ckpt_info import CkptInfo
from candle_spec.series.layout import Layout


def write_model(ckpt: Ckpt, dir_work: str | Path, epoch: int) -> None:
    """Write the model and its note into a folder: a copy for other tools, outside the series.

    Args:
        ckpt: The checkpoint object.
        dir_work: The folder; it is made.
        epoch: Number of completed epochs.

    Raises:
        InvalidInputError: It is inside the series, where only whole checkpoints are written.
    """
    folder = Path(dir_work).absolute()
    check_outside(folder, ckpt.ckpt_directory)
    fs = Fs()
    for missing in reversed([each for each in (folder, *folder.parents) if not each.is_dir()]):
        fs.make_folder(missing)
    begun = time.monotonic()
    with writing_to(ckpt, folder) as path:
        ckpt.write_model_backend(ckpt.objects, epoch)
    ckpt.info(ckpt_log.wrote(path.stat().st_size if path.is_file() else 0, time.monotonic() - begun))
    ckpt.checksum(folder)
    ckpt.write_json(folder / ckpt_info.NAME, epoch)


def checksum(ckpt: Ckpt, dir_work: str | Path) -> None:
    """Take the CRC-32 of the model in a folder into ``cksum_model``, where ``ckpt_checksum`` asks for it."""
    path = Path(dir_work) / Path(ckpt.model_file).name
    ckpt.cksum_model = ckpt.checksum_file(path) if ckpt.policy.checksum else ckpt_info.DISABLED


def checksum_file(ckpt: Ckpt, filename: str | Path) -> str:
    """Return the CRC-32 of a file in decimal, and say how long that took."""
    path = Path(filename)
    return str(checksummed(path, path.stat().st_size, ckpt.info))


def write_json(ckpt: Ckpt, jsonfile: str | Path, epoch: int) -> None:
    """Write a note on the model as it is, as ``ckpt-info.json`` has it; in one step."""
    path = Path(jsonfile).absolute()
    check_outside(path.parent, ckpt.ckpt_directory)
    note = CkptInfo(
        epoch,
        ckpt.policy.save.metric if ckpt.policy.save.save_best else None,
        ckpt.best_metric_last,
        Path(ckpt.model_file).name,
        ckpt.cksum_model,
        ckpt_info.stamps(datetime.now().astimezone())[0],
        metadata=ckpt.policy.metadata,
    )
    replace_file(path, note.to_bytes())


def restart_json(ckpt: Ckpt, directory: str | Path) -> dict[str, Any]:
    """Read the note in a folder, and take the best value from it.

    Raises:
        MissingPartError: There is none.
        CorruptFileError: The model beside it has another CRC-32, where ``ckpt_checksum`` asks for it.
    """
    info = checked_note(Path(directory), ckpt.policy, ckpt.info)
    ckpt.best_metric_last = info.best_metric_last
    for line in ckpt_log.restarting(info.epoch, info.timestamp):
        ckpt.info(line)
    return info.to_params()


def check_outside(folder: Path, series: str) -> None:
    """Refuse a folder inside a series: checkpoints are written and deleted by the series alone.

    Raises:
        InvalidInputError: It is inside.
    """
    layout, place = Layout(series), folder.resolve()
    if any(place.is_relative_to(inside.resolve()) for inside in (layout.epochs, layout.store)):
        raise InvalidInputError(
            "only the series itself writes here", location=str(folder), hint="name a folder outside ckpt_directory"
        )
