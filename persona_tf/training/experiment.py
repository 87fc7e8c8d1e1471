"""One experiment from its settings to trained weights: data, vocabulary, model, loop."""

import contextlib
import dataclasses
import hashlib
import itertools
import logging
import pathlib
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from persona_tf.atomic_file import write_atomically
from persona_tf.data.config import TEACHES, DataConfig
from persona_tf.data.corpus import PackedCorpus, batches, pack_corpus
from persona_tf.data.few_facts import few_facts
from persona_tf.data.mixture import Mixture, mixed_batches
from persona_tf.data.remembered import remember
from persona_tf.data.sources import read_split, source_named
from persona_tf.episode import KEY_KINDS, SETTING_KINDS, Episode
from persona_tf.example import Example, ExampleConfig, replies_alone
from persona_tf.learner import examples
from persona_tf.model.config import MIXING
from persona_tf.model.transformer import PersonaTransformer
from persona_tf.pretrained.hub import open_presets
from persona_tf.pretrained.preset import Preset
from persona_tf.pretrained.taking import take
from persona_tf.run_dir import RunDir
from persona_tf.text import vocabulary
from persona_tf.text.features import EMOTE_HEAD
from persona_tf.text.packer import Packer
from persona_tf.text.tokenizer import Tokenizer
from persona_tf.training.checkpoint import LAST, Progress
from persona_tf.training.distillation import Student, distill_objective
from persona_tf.training.freezing import freeze
from persona_tf.training.loop import Loop
from persona_tf.training.losses import HEADS, class_weights
from persona_tf.training.meeting import cluster_from, meet
from persona_tf.training.objective import Objective, reply_objective
from persona_tf.training.optimizers import make_optimizer
from persona_tf.training.steps import make_step, make_strategy
from persona_tf.training.summaries import SummaryWriter
from persona_tf.training.taught_answers import answered_by
from persona_tf.training.teacher import (
    Teacher,
    check_can_be_taught,
    check_fits,
    teacher_bundle,
    teacher_fingerprint,
    teacher_vocabulary,
)

if TYPE_CHECKING:
    from persona_tf.config import Settings

_log = logging.getLogger(__name__)
_VOCABULARY_EPISODES = 4000
_ROOMS = ("data", "text", "example", "model", "pretrained", "train", "distill", "decode", "evaluate")


@dataclasses.dataclass(frozen=True)
class Hooks:
    """What training needs of higher rooms, handed in by __main__.

    ``save(settings, run, model, vocabulary_model, step)`` writes the bundle.
    ``show(settings, writer, model, packer, examples, step)`` writes sample replies and pictures. ``teacher(bundle)``
    opens the bundle of a bot that teaches.
    """

    save: Callable[..., None] = lambda *_: None
    show: Callable[..., None] = lambda *_: None
    teacher: Callable[[pathlib.Path], Teacher | None] = lambda _: None


def train(settings: "Settings", run: RunDir, data_dir: pathlib.Path, hooks: Hooks = Hooks()) -> Progress:
    """Trains what the settings say into ``run``; goes on from its last checkpoint if there is one.

    ``settings.experiment.task`` says whether that is a bot or a retriever, which needs no hooks.

    Raises:
      ValueError, OSError: data are missing or malformed, or the run's files do not fit; the message says what to do.
      KeyboardInterrupt: after saving.
    """
    cluster = cluster_from()
    check_can_be_taught(settings, len(cluster.workers) if cluster else 1)
    if settings.experiment.task == "retrieve":
        if settings.pretrained.asked:
            raise ValueError("PretrainedConfig: bots begin with the weights of others, retrievers do not; leave it out")
        from persona_tf.training.retriever_experiment import train_retriever

        return train_retriever(settings, run, data_dir)
    return _train_bot(settings, run, data_dir, hooks)


def _train_bot(settings: "Settings", run: RunDir, data_dir: pathlib.Path, hooks: Hooks) -> Progress:
    cluster = cluster_from()
    teacher = _teacher(settings, hooks)
    what = f"{settings.experiment.name} {hashlib.sha256(settings.config_text.encode()).hexdigest()[:12]}"
    if cluster and not cluster.is_chief:
        meet(cluster, what)
    presets = {} if (run.checkpoints / LAST).is_file() else open_presets(settings.pretrained, settings.model)
    keras.utils.set_random_seed(settings.train.seed)
    model_bytes = run_vocabulary(settings, run, data_dir)
    if cluster and cluster.is_chief:
        meet(cluster, what)
    strategy = make_strategy(cluster)
    check_can_be_taught(settings, strategy.num_replicas_in_sync if strategy else 1)
    parts = {name: _of_part(settings, part) for name, part in settings.data.parts.items()}
    packers = {name: _packer(part, model_bytes) for name, part in parts.items()}
    valid_examples = {name: list(_valid_examples(part, data_dir)) for name, part in parts.items()}
    valid = {name: pack_corpus(found, packers[name]) for name, found in valid_examples.items()}
    packer = packers[settings.data.source]
    shown = [replies_alone(example) for example in valid_examples[settings.data.source][:4]]
    with strategy.scope() if strategy else contextlib.nullcontext():
        model = build_model(settings, packer.tokenizer.size)
        if presets:
            _take(settings, run, model, presets, model_bytes)
            presets.clear()  # as large as the model, and of no more use
    _log.info("The model has %s weights.", f"{model.count_params():,}")
    # After the model, whose first weights so are the same with a teacher and without.
    corpora = {
        name: _pack_training(part, data_dir, packers[name], _rewrite(part, run.checkpoints / f"taught_{name}", teacher))
        for name, part in parts.items()
    }
    is_mixed, shares = len(parts) > 1, settings.data.weights
    with strategy.scope() if strategy else contextlib.nullcontext():
        learner, objective = _lesson(settings, model, teacher, _emote_weights(settings, corpora.values()))
        step = make_step(learner, _optimizer(settings, model), settings.train, objective, strategy)

    def show(writer: SummaryWriter, step: int) -> None:
        if strategy is None:  # what writes words knows no weights that replicas share
            hooks.show(settings, writer, model, packer, shown, step)

    loop = Loop(
        model=learner,
        step=step,
        config=settings.train,
        corpus=Mixture(corpora, shares) if is_mixed else corpora[settings.data.source],
        valid=Mixture(valid, shares) if is_mixed else valid[settings.data.source],
        checkpoints=run.checkpoints,
        vocabulary=packer.tokenizer.fingerprint,
        writer=lambda step: run_writer(settings, run, step, _ROOMS),
        on_best=lambda step: hooks.save(settings, run, model, model_bytes, step),
        on_validation=show,
        # What is taught is told, and counts for nothing when the best weights are chosen: as without a teacher.
        weights=dict.fromkeys(objective.weights, 0.0) | dict(reply_objective(settings.train).weights),
        batches=mixed_batches if is_mixed else batches,
        worker=cluster.number if cluster else 0,
    )
    return loop.run()


def _teacher(settings: "Settings", hooks: Hooks) -> Teacher | None:
    """The bot that teaches, if one does; raises at once what is wrong with it."""
    if not settings.distill.teacher:
        return None
    teacher = hooks.teacher(teacher_bundle(settings.distill.teacher))
    if teacher:
        check_fits(teacher, settings)
    return teacher


def _rewrite(
    part: "Settings", stem: pathlib.Path, teacher: Teacher | None
) -> Callable[[Iterable[Example]], Iterable[Example]]:
    """What becomes of the examples of training: nothing, or the teacher writes answers to some of them."""
    if not teacher or not part.distill.writes:
        return lambda stream: stream
    share, fingerprint = part.distill.written_share, teacher_fingerprint(part.distill.teacher)
    return lambda stream: answered_by(stream, share, teacher.answer, fingerprint, stem)


def _lesson(
    settings: "Settings", model: PersonaTransformer, teacher: Teacher | None, emote_weights: tuple[float, ...]
) -> tuple[Any, Objective]:
    """What is trained, the model or that with maps to its teacher's states, and what it learns."""
    if not teacher or not settings.distill.accompanies:
        return model, reply_objective(settings.train, emote_weights)
    taught_by = teacher.load()
    student = Student(model, taught_by.config.width if settings.distill.hidden_weight else 0)
    student.build()
    return student, distill_objective(settings.train, settings.distill, taught_by, emote_weights)


def _of_part(settings: "Settings", part: DataConfig) -> "Settings":
    """The settings as they are for one of several sources, which may teach less than others."""
    source_named(part.source)
    learned: dict[str, Any] = {
        f"learn_{what}": getattr(settings.example, f"learn_{what}") and what in part.teaches for what in TEACHES
    }
    return dataclasses.replace(settings, data=part, example=dataclasses.replace(settings.example, **learned))


def _packer(settings: "Settings", vocabulary_model: bytes) -> Packer:
    example = settings.example
    heads = example.learn_action, example.learn_emote, example.learn_facts
    return Packer(Tokenizer(vocabulary_model), settings.text, *heads)


def build_model(settings: "Settings", vocabulary_size: int) -> PersonaTransformer:
    """The model of the settings, its weights drawn from the global seed."""
    config = model_config(settings, vocabulary_size)
    model = PersonaTransformer(config)
    model.build()
    freeze(model, settings.train.frozen)
    return model


def model_config(settings: "Settings", vocabulary_size: int) -> Any:
    """The settings' ModelConfig with the sizes that the vocabulary and the labels decide.

    Raises:
      ValueError: targets that share a history would see each other's future in it, nothing is left to select from, or
        facts are to be learned that the data do not tell.
    """
    parts = settings.data.parts.values()
    states = [part.options_of_training.get("states") for part in parts if "facts" in part.teaches]
    if settings.example.learn_facts and not (states and all(states)):
        raise ValueError(
            'ExampleConfig.learn_facts needs data that say which facts their turns state: add "states": True to '
            'DataConfig.options, or leave "facts" out of what a source teaches'
        )
    if any(part.remembered for part in parts) and (
        not settings.example.learn_facts or settings.example.knowledge_as_history
    ):
        raise ValueError(
            "DataConfig.remembered shows facts that were written down as knowledge items: expected "
            "ExampleConfig.learn_facts, and no ExampleConfig.knowledge_as_history"
        )
    if settings.model.fusion in ("select", *MIXING) and settings.example.knowledge_as_history:
        raise ValueError(
            f"ModelConfig.fusion {settings.model.fusion!r} treats knowledge items and turns differently, and "
            "ExampleConfig.knowledge_as_history leaves no item: take 'soft' or 'concat', or leave the items where they "
            "are"
        )
    if settings.model.history == "whole" and settings.example.max_targets > 1:
        raise ValueError(
            "ModelConfig.history 'whole' shows all turns of an example, so each needs one of its own: set "
            f"ExampleConfig.max_targets to 1, it is {settings.example.max_targets}"
        )
    if settings.model.history == "whole" and settings.example.learn_facts:
        raise ValueError(
            "ModelConfig.history 'whole' shows all turns of an example, and ExampleConfig.learn_facts reads each as if "
            "it were the last: take 'causal' or 'apart'"
        )
    marks = len(vocabulary.FACT_MARKS) if settings.example.learn_facts else 0
    return dataclasses.replace(
        settings.model,
        vocabulary_size=vocabulary_size + marks,
        kinds=len(KEY_KINDS),
        emotes=len(settings.example.emote_labels),
        loss_heads=len(HEADS) if settings.train.learned_weights else 0,
        fact_marks=marks,
        place_kinds=tuple(1 + KEY_KINDS.index(kind) for kind in SETTING_KINDS),
    )


def make_vocabulary(settings: "Settings", data_dir: pathlib.Path, path: pathlib.Path) -> bytes:
    """Trains the experiment's vocabulary on its training dialogues (the first 4,000), and writes it to ``path``.

    Who has a teacher takes the teacher's.

    Raises:
      ValueError, OSError: data are missing or malformed, there is no such teacher, or ``path`` cannot be written.
    """
    if settings.distill.teacher:
        write_atomically(path, taught := teacher_vocabulary(settings.distill.teacher))
        return taught
    _log.info("Training a vocabulary of %s pieces ...", f"{settings.text.vocabulary_size:,}")
    stream = texts(itertools.chain.from_iterable(_vocabulary_examples(settings, data_dir)))
    return vocabulary.train_vocabulary(stream, settings.text.vocabulary_size, path)


def _vocabulary_examples(settings: "Settings", data_dir: pathlib.Path) -> Iterator[Iterator[Example]]:
    """Those of the first dialogues of each source, as many as it has a share."""
    parts = {name: _of_part(settings, part) for name, part in settings.data.parts.items()}
    for name, part in parts.items():
        most = round(_VOCABULARY_EPISODES * settings.data.weights.get(name, 1))
        yield _examples(itertools.islice(training_episodes(part, data_dir), most), part.example)


def texts(stream: Iterable[Example]) -> Iterator[str]:
    """All strings of some examples, for training a vocabulary."""
    for example in stream:
        yield from (item.text for item in example.items)
        for turn in example.history:
            yield from (turn.speech, turn.action, turn.emote)
        for target in example.targets:
            yield from (target.reply, target.action, *(fact.text for fact in target.facts))


def _take(settings: "Settings", run: RunDir, model: Any, presets: dict[str, Preset], vocabulary_model: bytes) -> None:
    """Begins with the weights of others, and leaves a table of them."""
    report = take(model, presets, vocabulary.pieces(vocabulary_model), settings.train.seed)
    write_atomically(run.pretrained, report.markdown.encode())
    _log.info("%s\nThis table is kept in %s.", report.markdown, run.pretrained)


def _optimizer(settings: "Settings", model: PersonaTransformer) -> keras.optimizers.Optimizer:
    return make_optimizer(settings.train, half=model.compute_dtype == "bfloat16")


def _emote_weights(settings: "Settings", corpora: Iterable[PackedCorpus]) -> tuple[float, ...]:
    """The weight of each class of the emote head, by how often training shows it; () where all weigh the same."""
    if not settings.train.emote_balance:
        return ()
    labels = len(settings.example.emote_labels)
    counts = np.zeros(labels, np.int64)
    for corpus in corpora:
        at_emote = corpus.values["target_head"] == EMOTE_HEAD
        counts += np.bincount(corpus.values["target_labels"][at_emote], minlength=labels)
    return class_weights(counts.tolist(), settings.train.emote_balance)


def _examples(episodes: Iterable[Episode], config: ExampleConfig) -> Iterator[Example]:
    found = (examples(episode, config, with_asides=True, with_facts=True) for episode in episodes)
    return itertools.chain.from_iterable(found)


def training_episodes(settings: "Settings", data_dir: pathlib.Path) -> Iterator[Episode]:
    """The dialogues to learn from."""
    data = settings.data
    episodes = read_split(data.source, data.train_split, data_dir, data.options_of_training)
    return (e for i, e in enumerate(episodes) if not _is_held_out(i, data))


def validation_episodes(settings: "Settings", data_dir: pathlib.Path) -> Iterator[Episode]:
    """The dialogues to validate on: a split of their own, or those of training that are held out."""
    data = settings.data
    if not data.held_out:
        return read_split(data.source, data.valid_split, data_dir, data.options)
    episodes = read_split(data.source, data.train_split, data_dir, data.options)
    return (e for i, e in enumerate(episodes) if _is_held_out(i, data))


def _is_held_out(number: int, data: DataConfig) -> bool:
    return bool(data.held_out) and number % data.held_out == 0


def run_vocabulary(settings: "Settings", run: RunDir, data_dir: pathlib.Path) -> bytes:
    """The vocabulary of a run; where it is not there, its teacher's, or else it is trained first.

    Raises:
      ValueError: it is another than the teacher's.
    """
    path = run.checkpoints / "vocabulary.model"
    found = path.read_bytes() if path.is_file() else make_vocabulary(settings, data_dir, path)
    teacher = settings.distill.teacher
    if teacher and found != teacher_vocabulary(teacher):
        own, other = vocabulary.fingerprint(found), vocabulary.fingerprint(teacher_vocabulary(teacher))
        raise ValueError(
            f"DistillConfig.teacher: {teacher} has another vocabulary ({other}) than {path} ({own}): was it trained "
            "anew? Train in a new folder (RUN=...), or name the teacher of before"
        )
    return found


def _valid_examples(settings: "Settings", data_dir: pathlib.Path) -> Iterator[Example]:
    """A seeded choice of whole dialogues for validation, the same each time; 0: all."""
    episodes = validation_episodes(settings, data_dir)
    dialogues = [list(examples(episode, settings.example, with_facts=True)) for episode in episodes]
    random.Random("validation").shuffle(dialogues)
    count, limit = 0, settings.train.validation_examples
    for dialogue in dialogues:
        if limit and count >= limit:
            return
        count += len(dialogue)
        yield from dialogue


def _pack_training(
    settings: "Settings",
    data_dir: pathlib.Path,
    packer: Packer,
    rewrite: Callable[[Iterable[Example]], Iterable[Example]] = lambda stream: stream,
) -> PackedCorpus:
    stream = _examples(training_episodes(settings, data_dir), settings.example)
    if settings.data.remembered:
        stream = (remember(example, settings.data.remembered) for example in stream)
    if settings.data.few_facts:
        stream = (few_facts(example, settings.data.few_facts) for example in stream)
    if settings.data.train_examples:
        stream = itertools.islice(stream, settings.data.train_examples)
    corpus = pack_corpus(rewrite(stream), packer)
    tokens = sum(int(corpus.lengths(axis).sum()) for axis in "SHT")
    _log.info("Training data: %s examples, %s tokens.", f"{len(corpus):,}", f"{tokens:,}")
    return corpus


def run_writer(settings: "Settings", run: RunDir, step: int, rooms: Sequence[str]) -> SummaryWriter:
    """The run's summaries from a step on; begins with the configs of ``rooms``."""
    writer = SummaryWriter(run.summaries, step)
    if step == 0:
        writer.hyperparameters({room: getattr(settings, room) for room in rooms}, step)
        writer.text("config", f"```\n{settings.operative_text}\n```", step)
    return writer
