"""Ways of choosing words, to be compared on one bot. Knows settings only."""

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from persona_tf.decoding.config import DecodeConfig

_NUCLEUS: Mapping[str, Any] = {"method": "sample", "top_p": 0.9}
_EIGHT: Mapping[str, Any] = {**_NUCLEUS, "hypotheses": 8}

WAYS: Mapping[str, Mapping[str, Any]] = {
    "greedy": {},
    "greedy int8": {"engine": "onnx_int8"},
    "no repeated trigram": {"no_repeat_ngram": 3},
    "beam 5": {"method": "beam", "hypotheses": 5},
    "diverse beam 6 in 3": {"method": "beam", "hypotheses": 6, "groups": 3},
    **{f"top-p {p}": {"method": "sample", "top_p": p} for p in (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0)},
    "top-k 40": {"method": "sample", "top_k": 40},
    "min-p 0.1": {"method": "sample", "min_p": 0.1},
    "typical 0.9": {"method": "sample", "typical": 0.9},
    "guidance 0.5": {"guidance": 0.5},
    "guidance 1": {"guidance": 1.0},
    "guidance 1 and top-p 0.9": {**_NUCLEUS, "guidance": 1.0},
    "best of 8 by mutual information 0.5": {**_EIGHT, "mutual_information": 0.5},
}
"""Fields of DecodeConfig over those of the bundle made greedy; and the engine, by default ``auto``.

Names hold no commas: they are given as a list. "top-p 1.0" is plain sampling.
"""

SWEEP: Mapping[float, str] = MappingProxyType(
    {fields["top_p"]: way for way, fields in WAYS.items() if fields.keys() == {"method", "top_p"}}
)
"""p to the way that samples from the nucleus of that mass, and does nothing else."""


def chosen_ways(names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Those of `WAYS` with these names, in this order; all when there are none.

    Raises:
      ValueError: there is no way of a name; the message lists them.
    """
    for name in names:
        if name not in WAYS:
            near = difflib.get_close_matches(name.lower(), WAYS, 1)
            perhaps = f"; did you mean {near[0]!r}?" if near else "."
            raise ValueError(f"there is no way {name!r} of choosing words{perhaps} There are: {', '.join(WAYS)}")
    return {name: WAYS[name] for name in names or WAYS}


def setting(plain: DecodeConfig, fields: Mapping[str, Any]) -> tuple[DecodeConfig, str]:
    """Decode config and engine of one of `WAYS`; ``plain`` is what its fields are put over."""
    own = {name: value for name, value in fields.items() if name != "engine"}
    return dataclasses.replace(plain, **own), fields.get("engine", "auto")


def effort(decode: DecodeConfig) -> int:
    """How many times as long as greedy a way takes, very roughly: for telling the time left."""
    return decode.hypotheses * (2 if decode.guided else 1)
