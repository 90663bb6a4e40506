"""What the checkpoint of a training holds besides its state: where it is from; or of the state the weights alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from candle_spec.callbacks._recording.provenance import provenance
from candle_spec.checkpoint.contents import Contents, StatePart
from candle_spec.series.policy.params import CheckpointPolicy


def described(
    contents: Contents, policy: CheckpointPolicy, *, name: str, metrics: Mapping[str, float], seconds: float
) -> Contents:
    """Return the contents with what the training says of itself, and without what the policy leaves out.

    Args:
        contents: The state as its framework gives it.
        policy: Its hyperparameters are kept; it says whether only the weights are.
        name: Name of the model.
        metrics: What was measured at this moment.
        seconds: How long the training took so far.
    """
    settings = policy.hyperparameters or None
    fields = provenance(name=name, hyperparameters=settings, metrics=metrics, seconds=seconds or None)
    contents = replace(contents, fields=[*fields, *contents.fields])
    if policy.weights_only:
        return weights_alone(contents)
    return replace(contents, state_parts={**contents.state_parts, "metric": StatePart("present")})


def weights_alone(contents: Contents) -> Contents:
    """Return the contents without the training state: the model, and an average or adapter of it if there is one."""
    groups = [group for group in contents.groups if group.kind in ("model", "ema", "adapter")]
    kept = {group.id for group in groups}
    tensors = [tensor for tensor in contents.tensors if tensor.group in kept]
    absent = StatePart("absent", "only the weights are saved, as the settings ask for")
    parts = dict.fromkeys((*contents.state_parts, "metric"), absent)
    return replace(contents, groups=groups, tensors=tensors, state=None, state_parts=parts)
