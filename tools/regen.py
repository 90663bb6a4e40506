"""Make everything that is generated from the schemas, or check that it is up to date.

    python -m tools.regen            write what is out of date
    python -m tools.regen --check    write nothing; exit 1 and show the difference where something is out of date
    python -m tools.regen --freeze   and mark the current version of the schemas as released, for good

Generated: ``schemas/index.json`` (the digests of the schemas), ``candle_spec/manifest/models.py`` (the typed view),
``docs/formats.md`` (what is read, from the converters' own cards), ``docs/ckpt-parameters.md``, ``docs/mapping.md``'s
table of transforms, and ``schemas/repositories/<id>/<version>/compiled.json`` (each template as one document, which
loads in milliseconds).
A schema of a released version is frozen: if its file changed, nothing is made and the command says so.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable
from pathlib import Path

from tools import regen_formats, regen_index, regen_models, regen_parameters, regen_templates

ROOT = Path(__file__).resolve().parent.parent

GENERATORS: dict[str, Callable[[Path], bytes]] = {
    "schemas/index.json": regen_index.make,
    "candle_spec/manifest/models.py": regen_models.make,
    "docs/formats.md": regen_formats.make,
    "docs/ckpt-parameters.md": regen_parameters.make,
    "docs/mapping.md": regen_templates.make_tables,
    **regen_templates.generators(ROOT),
}
"""Each file that is generated, and what makes its bytes from the checkout."""


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    check, freeze = "--check" in arguments, "--freeze" in arguments
    stale = 0
    for name, make in GENERATORS.items():
        path = ROOT / name
        try:
            new = regen_index.make(ROOT, freeze=True) if freeze and make is regen_index.make else make(ROOT)
        except regen_index.FrozenError as error:
            print(error, file=sys.stderr)
            return 1
        old = path.read_bytes() if path.is_file() else b""
        if new == old:
            continue
        stale += 1
        if check:
            lines = difflib.unified_diff(old.decode().splitlines(), new.decode().splitlines(), name, name, lineterm="")
            print("\n".join(lines))
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(new)
            print(f"wrote {name}")
    if check and stale:
        print(f"{stale} generated file(s) out of date: python -m tools.regen", file=sys.stderr)
    return 1 if check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
