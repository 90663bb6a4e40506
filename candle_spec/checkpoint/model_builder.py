"""Build the live model that a manifest names: the only place that runs code of a model's authors."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from typing import Any

from candle_spec import pointer
from candle_spec.digests import digest_bytes
from candle_spec.errors import InvalidInputError, UntrustedCodeError

ReadFile = Callable[[str], bytes]


def build_model(
    manifest: Mapping[str, Any],
    read_file: ReadFile,
    weights: Callable[[], Mapping[str, Any]],
    *,
    location: str,
    trust_code: bool,
) -> Any:
    """Return the live model with the weights of group ``model`` loaded.

    ``model.implementation`` names either ``import_path`` (``"package.module"``, installed) or ``source`` (a Python
    file of the checkpoint with its digest), and ``callable`` with ``kwargs``.

    Args:
        manifest: The checkpoint's manifest.
        read_file: Gives the bytes of a file of the checkpoint, which must be the one that is listed.
        weights: Gives the weights as torch tensors, by name.
        location: The checkpoint, for messages.
        trust_code: Whether that code may run.

    Raises:
        UntrustedCodeError: ``trust_code`` is not set.
        InvalidInputError: No implementation is named, or the callable gives no torch module.
        ProofFailedError: The packaged source is not the one whose digest the manifest states.
    """
    implementation = pointer.get(manifest, "/model/implementation")
    if not implementation or "callable" not in implementation:
        raise InvalidInputError(
            "the manifest names no implementation, so the model cannot be built",
            location=location,
            hint="add model.implementation, or build the model yourself and load checkpoint.state_dict()",
        )
    if not trust_code:
        raise UntrustedCodeError(
            f"building runs {implementation['callable']} of the model's authors",
            location=location,
            hint="read that code, then pass trust_code=True",
        )
    model = _callable(read_file, implementation)(**implementation.get("kwargs", {}))
    if not hasattr(model, "load_state_dict"):
        raise InvalidInputError(
            f"{implementation['callable']} gives a {type(model).__name__}, which has no load_state_dict",
            hint="load checkpoint.state_dict() by the framework's own means",
        )
    model.load_state_dict(weights(), strict=True)
    model.eval()
    return model


def _callable(read_file: ReadFile, implementation: dict[str, Any]) -> Callable[..., Any]:
    source = implementation.get("source")
    if source is None:
        module = importlib.import_module(implementation["import_path"])
    else:
        data = read_file(source["path"])
        name = "candle_spec_built_" + digest_bytes(data).removeprefix("sha256:")[:16]
        spec = importlib.util.spec_from_loader(name, loader=None)
        if spec is None:
            raise InvalidInputError("the packaged source cannot be made a module", location=source["path"])
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # so that classes of it can be pickled and found by their module
        exec(compile(data, source["path"], "exec"), module.__dict__)  # noqa: S102 - the caller trusts this code
    target: Any = module
    for part in str(implementation["callable"]).split("."):
        target = getattr(target, part)
    result: Callable[..., Any] = target
    return result
