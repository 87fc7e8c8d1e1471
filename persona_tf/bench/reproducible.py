"""Whether a reply depends on how it was asked for: alone or among others, compiled or not, on which engine."""

import dataclasses
from typing import Any

import numpy as np
from tqdm import tqdm

from persona_tf.bench.models import SMALL, build, random_features
from persona_tf.decoding.config import DecodeConfig
from persona_tf.export.engines import open_writer
from persona_tf.export.writer import LENGTH_STEP, Writer

REPLIES = 1000
_PART = 128
"""Most tokens of knowledge, and of history."""
_DECODE = DecodeConfig(method="sample", top_p=0.9, max_reply_tokens=32)


def same_replies(replies: int = REPLIES) -> str:
    """Replies of up to 32 tokens, sampled with top-p 0.9, over contexts of unequal lengths; small model, float32.

    Random weights make it hard: thousands of words are about equally likely. Each way is compared with asking for
    each reply alone on ONNX Runtime.
    """
    model = build(dataclasses.replace(SMALL, precision="float32"))
    contexts = _contexts(replies)
    onnx: Any = open_writer("onnx", model, _DECODE, speaks_only=True)
    tensorflow: Any = open_writer("tensorflow", model, _DECODE, speaks_only=True)
    one_by_one = np.arange(replies)[:, None]
    shuffled = np.random.default_rng(0).permutation(replies)
    ways = {
        "onnx, alone": (onnx, one_by_one),
        "onnx, 32 at once": (onnx, np.array_split(np.arange(replies), -(-replies // 32))),
        "onnx, 7 at once, shuffled": (onnx, np.array_split(shuffled, -(-replies // 7))),
        "tensorflow, alone": (tensorflow, one_by_one),
        "tensorflow, 32 at once": (tensorflow, np.array_split(np.arange(replies), -(-replies // 32))),
        "tensorflow with XLA, alone": (Writer(model, _DECODE, True, jit_compile=True), one_by_one),
    }
    written = {name: _write(name, writer, contexts, groups) for name, (writer, groups) in ways.items()}
    alone = written.pop("onnx, alone")
    told = ", ".join(f"{name} {(ids == alone).all(axis=1).sum():,}" for name, ids in written.items())
    return f"of {replies:,} replies, as many are the same as alone on onnx, word for word: {told}"


def _contexts(replies: int) -> dict[str, np.ndarray]:
    """Features whose last tokens are missing in most rows: knowledge and history of 16 to 128 tokens each."""
    features = random_features(replies, _PART, _PART, 1)
    rng = np.random.default_rng(1)
    for part in ("knowledge", "history"):
        missing = np.arange(_PART) >= rng.integers(16, _PART + 1, (replies, 1))
        for name in features:
            if name.startswith(part):
                features[name][missing] = 0
    return features


def _write(name: str, writer: Any, contexts: dict[str, np.ndarray], groups: Any) -> np.ndarray:
    """The ids of all replies, int32 [replies, length]; each group of rows is asked for at once."""
    out = np.zeros((len(contexts["knowledge_ids"]), _DECODE.max_reply_tokens + 1), np.int32)
    for rows in tqdm(groups, name):
        some = {key: part[rows] for key, part in contexts.items()}
        # XLA compiles anew for each shape, so it gets one.
        trimmed = some if "XLA" in name else _trimmed(some)
        knowledge, history = writer.read_knowledge(trimmed), writer.read_history(trimmed)
        turn = np.full((len(rows), 1), _PART // 16 + 1, np.int32)
        ids = writer.write(knowledge, history, turn, rows.astype(np.int32)[:, None, None]).ids[:, 0, 0]
        out[rows, : ids.shape[1]] = ids
    return out


def _trimmed(features: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Without the columns that are padding in all rows, but for the last few."""
    most = {part: int((features[f"{part}_ids"] != 0).sum(axis=1).max()) for part in ("knowledge", "history")}
    ends = {part: -(-count // LENGTH_STEP) * LENGTH_STEP for part, count in most.items()}
    return {key: array[:, : ends.get(key.partition("_")[0])] for key, array in features.items()}
