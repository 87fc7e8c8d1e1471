"""Weights that training leaves as they are."""

from collections.abc import Sequence
from typing import Any


def freeze(model: Any, rooms: Sequence[str]) -> None:
    """Freezes all weights below some rooms of a built model, before its optimizer is built. Dropout stays as it is.

    Args:
      rooms: beginnings of the weights' paths without the model's name, such as ``encoder`` or ``embedding/tokens``.

    Raises:
      ValueError: there is no such room, or nothing is left to train; the message lists the rooms.
    """
    if not rooms:
        return
    parts = {weight.path.partition("/")[2]: weight for weight in model.weights}
    for room in rooms:
        chosen = [weight for path, weight in parts.items() if f"{path}/".startswith(f"{room.strip('/')}/")]
        if not chosen:
            known = dict.fromkeys(path.partition("/")[0] for path in parts)
            raise ValueError(f"TrainConfig.frozen: the model has no {room!r}; it has {', '.join(known)}")
        for weight in chosen:
            weight.trainable = False
    if not model.trainable_variables:
        raise ValueError(f"TrainConfig.frozen: {', '.join(rooms)} are all weights; leave some to be trained")
