"""A trained bot that teaches another one, and whether the two fit. Knows no bundles: who opens one hands it in."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import keras

from persona_tf.example import Example, ExampleConfig
from persona_tf.model.config import ModelConfig
from persona_tf.model.transformer import PersonaTransformer
from persona_tf.run_dir import RunDir
from persona_tf.text.config import TextConfig

if TYPE_CHECKING:
    from persona_tf.config import Settings

_HEADS = ("learn_action", "learn_emote", "emotes", "learn_facts")
_LAYOUT = ("knowledge_as_history", "knowledge_tags")


@dataclasses.dataclass(frozen=True)
class Teacher:
    """A trained bot.

    ``text``, ``example`` and ``sizes`` are its configs. ``load()`` gives its model. ``answer()`` gives what answers all
    targets of some examples, by its best guesses: for each example a list of answers with ``reply``, ``action``,
    ``emote`` and ``cut``: whether the reply may lack its end.
    """

    text: TextConfig
    example: ExampleConfig
    sizes: ModelConfig
    load: Callable[[], PersonaTransformer]
    answer: Callable[[], Callable[[Sequence[Example]], list[list[Any]]]]


def teacher_bundle(folder: str) -> pathlib.Path:
    """The bundle of a teacher's run.

    Raises:
      FileNotFoundError: no bot is trained there.
    """
    todo = "DistillConfig.teacher names it, so it comes first: make train EXP=quickstart makes that of runs/quickstart"
    return RunDir(pathlib.Path(folder)).check_trained(todo).bundle


def teacher_vocabulary(folder: str) -> bytes:
    """The serialised vocabulary of a teacher's run; raises a FileNotFoundError where there is none."""
    path = teacher_bundle(folder) / "vocabulary.model"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: not there; the teacher's bundle has it. Copy it anew, or train it again")
    return path.read_bytes()


def teacher_fingerprint(folder: str) -> str:
    """Tells teachers apart that say different things: of the bundle's configs and weights."""
    bundle = teacher_bundle(folder)
    return hashlib.sha256(b"".join((bundle / name).read_bytes() for name in ("bundle.json", "weights.npz"))).hexdigest()


def check_can_be_taught(settings: "Settings", replicas: int) -> None:
    """Checks what needs no teacher yet.

    Args:
      replicas: how many processes, or GPUs of this one, train together.

    Raises:
      ValueError: a retriever is to be taught, or this backend or several replicas are to do it.
    """
    if not settings.distill.teacher:
        return
    if settings.experiment.task != "reply":
        raise ValueError("DistillConfig.teacher: bots alone are taught, and this trains a retriever; leave it out")
    if keras.backend.backend() != "tensorflow":
        raise ValueError("DistillConfig.teacher: teachers answer on TensorFlow alone; unset KERAS_BACKEND")
    if replicas > 1:
        raise ValueError(
            f"DistillConfig.teacher: a student is trained in one process, on one GPU at most, got {replicas}: leave "
            "out --workers and TF_CONFIG, set CUDA_VISIBLE_DEVICES=0; TrainConfig.accumulate makes batches larger"
        )


def check_fits(teacher: Teacher, settings: "Settings") -> None:
    """Checks that a teacher understands what its student is shown, and says the same kinds of things.

    Raises:
      ValueError: it does not; the message says what differs and what to do.
    """
    folder = settings.distill.teacher
    wanted, found = settings.text.vocabulary_size, teacher.text.vocabulary_size
    if wanted != found:
        raise ValueError(
            f"DistillConfig.teacher: {folder} has another vocabulary, of {found} ids where TextConfig.vocabulary_size "
            f"is {wanted}: set VOCABULARY_SIZE={found}, or name another teacher"
        )
    for name in (*_HEADS, *_LAYOUT):
        own, other = getattr(settings.example, name), getattr(teacher.example, name)
        if own != other:
            what = "has other heads" if name in _HEADS else "is shown its knowledge elsewhere"
            raise ValueError(
                f"DistillConfig.teacher: {folder} {what}: its ExampleConfig.{name} is {other!r}, the student's "
                f"{own!r}: set the same, or name another teacher"
            )
    if teacher.sizes.history == "whole" and settings.example.max_targets > 1:
        raise ValueError(
            f"DistillConfig.teacher: {folder} reads a history as a whole (ModelConfig.history 'whole'), so each target "
            f"needs an example of its own: set ExampleConfig.max_targets to 1, it is {settings.example.max_targets}"
        )
    if settings.distill.accompanies:
        _check_mechanisms(folder, settings, teacher.sizes)


def mapped_layers(student: int, teacher: int) -> list[int]:
    """The teacher's layer that each of the student's learns from: spread evenly, the last from the last.

    As PKD-skip (Sun et al. 2019, arXiv 1908.09355).

    >>> mapped_layers(2, 6), mapped_layers(3, 4), mapped_layers(2, 2)
    ([2, 5], [0, 1, 3], [0, 1])
    """
    return [(layer + 1) * teacher // student - 1 for layer in range(student)]


def _check_mechanisms(folder: str, settings: "Settings", sizes: ModelConfig) -> None:
    if settings.distill.soft_weight and settings.model.copy_head != sizes.copy_head:
        raise ValueError(
            f"DistillConfig.teacher: {folder} has other heads: its ModelConfig.copy_head is {sizes.copy_head}, the "
            f"student's {settings.model.copy_head}; set the same, or DistillConfig.soft_weight to 0"
        )
    for name in ("encoder_layers", "decoder_layers"):
        own, other = getattr(settings.model, name), getattr(sizes, name)
        if settings.distill.hidden_weight and own > other:
            raise ValueError(
                f"DistillConfig.hidden_weight: the student's layers cannot be mapped to those of {folder}: expected "
                f"ModelConfig.{name} of at most {other}, got {own}; take fewer, or set DistillConfig.hidden_weight to 0"
            )
