import dataclasses
import errno
import json
import os

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from persona_tf.data.corpus import PackedCorpus
from persona_tf.data.mixture import Mixture, mixed_batches
from persona_tf.npz_file import read_npz
from persona_tf.text.features import FEATURES
from persona_tf.training.loop import BEST, LAST
from persona_tf.training.losses import HEADS
from persona_tf.training.summaries import SummaryWriter


class Killed(BaseException):
    """Ends a run as kill -9 does: nothing is saved on the way out."""


class Watched:
    """A step that notes its losses and raises at a moment: (what, how many calls of it before, which error)."""

    def __init__(self, step, what="", after=0, error=KeyboardInterrupt):
        self.inner, self.what, self.error = step, what, error
        self.left, self.losses, self.optimizer = after, [], step.optimizer

    def train(self, features):
        self._perhaps_raise("before train")
        result = self.inner.train(features)
        self.losses.append(float(result["loss"]))
        self._perhaps_raise("after train")
        return result

    def score(self, features):
        self._perhaps_raise("score")
        return self.inner.score(features)

    def _perhaps_raise(self, moment):
        if moment == self.what:
            self.left -= 1
            if self.left < 0:
                raise self.error


def _assert_equal(one, other):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


@pytest.fixture(scope="module")
def undisturbed(shared_rig, corpus, tiny_training, tmp_path_factory):
    """Losses, last values of all variables and progress of a run that nothing interrupts."""
    from persona_tf.training.loop import Loop

    shared_rig.reset()
    folder = tmp_path_factory.mktemp("undisturbed")
    step = Watched(shared_rig.step)
    writer = lambda at: SummaryWriter(folder / "summaries", at)  # noqa: E731
    loop = Loop(shared_rig.model, step, tiny_training(), corpus, corpus, folder, "abc", writer)
    progress = loop.run()
    return step.losses, shared_rig.values(), progress, folder


def test_a_run_takes_its_steps_and_learns(undisturbed):
    losses, _, progress, _ = undisturbed
    assert len(losses) == progress.step == progress.validated == 12
    assert progress.epoch > 0
    assert progress.vocabulary == "abc"
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])
    assert progress.best_loss > 0
    assert progress.stale == 0


def test_two_runs_are_equal_bit_for_bit(rig, make_loop, undisturbed):
    step = Watched(rig.step)
    progress = make_loop(step=step).run()
    assert step.losses == undisturbed[0]
    _assert_equal(rig.values(), undisturbed[1])
    assert progress == undisturbed[2]


MOMENTS = [
    ("before train", 1, KeyboardInterrupt),
    ("before train", 9, KeyboardInterrupt),
    ("after train", 6, KeyboardInterrupt),
    ("score", 7, KeyboardInterrupt),
    ("before train", 2, Killed),
    ("after train", 7, Killed),
    ("score", 7, Killed),
]


@pytest.mark.parametrize(("what", "after", "error"), MOMENTS, ids=lambda value: getattr(value, "__name__", value))
def test_an_interrupted_run_goes_on_as_if_nothing_had_been(rig, make_loop, undisturbed, what, after, error):
    losses, values, progress, _ = undisturbed
    first = Watched(rig.step, what, after, error)
    with pytest.raises(error):
        make_loop(step=first).run()
    assert first.losses == losses[: len(first.losses)]
    rig.spoil()
    if error is Killed and not (make_loop().checkpoints / LAST).exists():
        rig.reset()
    second = Watched(rig.step)
    assert make_loop(step=second).run() == progress
    again = len(first.losses) + len(second.losses) - len(losses)
    assert second.losses == losses[len(losses) - len(second.losses) :]
    assert 0 <= again < 3 if error is Killed else again == 0, "after Ctrl-C nothing is done twice"
    _assert_equal(rig.values(), values)


def test_interrupted_three_times(rig, make_loop, undisturbed):
    losses, values, progress, _ = undisturbed
    seen = []
    for what, after in (("before train", 2), ("after train", 3), ("score", 0)):
        step = Watched(rig.step, what, after)
        with pytest.raises(KeyboardInterrupt):
            make_loop(step=step).run()
        seen += step.losses
        rig.spoil()
    step = Watched(rig.step)
    assert make_loop(step=step).run() == progress
    assert seen + step.losses == losses
    _assert_equal(rig.values(), values)


def test_a_run_interrupted_in_its_last_validation_still_has_a_best(rig, make_loop, undisturbed):
    told = []

    def interrupt(step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_loop(on_best=interrupt, validate_every_steps=100).run()
    rig.spoil()
    progress = make_loop(on_best=told.append, validate_every_steps=100).run()
    assert told == [12]
    assert progress.validated == 12
    _assert_equal(rig.values(), undisturbed[1])


def test_a_finished_run_does_nothing_more(rig, make_loop, undisturbed):
    make_loop().run()
    step = Watched(rig.step)
    assert make_loop(step=step).run() == undisturbed[2]
    assert step.losses == []


def test_a_longer_run_goes_on_from_the_end_of_a_shorter_one(rig, make_loop):
    make_loop(steps=5).run()
    step = Watched(rig.step)
    assert make_loop(step=step, steps=8).run().step == 8
    assert len(step.losses) == 3


class Scripted:
    """A step whose validation losses are given beforehand and whose training does nothing but count."""

    def __init__(self, rig, valid=(), train=()):
        self.valid, self.results = iter(valid), iter(train)
        self.optimizer, self.steps, self.model = rig.optimizer, 0, rig.model

    def train(self, features):
        self.steps += 1
        self.optimizer.iterations.assign(self.steps)
        loss, norm = next(self.results, (1.0, 1.0))
        sums = dict.fromkeys(HEADS, (1.0, 1.0, 1.0))
        return {"loss": loss, "gradient_norm": norm, "learning_rate": 0.1, "tokens": 10, **sums}

    def score(self, features):
        if self.steps != getattr(self, "scored", None):
            self.scored, self.now = self.steps, next(self.valid, 1.0)
        return dict.fromkeys(HEADS, (0.0, 0.0, 0.0)) | {"reply": (2 * self.now, 2.0, 1.0)}


@pytest.mark.parametrize(
    ("patience", "valid", "steps"),
    [
        (2, [5, 4, 4.5, 4.4, 1, 1, 1], 8),
        (1, [5, 4, 4, 1, 1], 6),
        (0, [5, 6, 7, 8, 9, 10], 12),
        (2, [5, 4, 4.5, 3, 3.5, 3.6], 12),
    ],
)
def test_training_stops_when_validation_gets_no_better(rig, make_loop, patience, valid, steps):
    best = []
    step = Scripted(rig, valid)
    loop = make_loop(step=step, patience=patience, validate_every_steps=2, steps=12, on_best=best.append)
    progress = loop.run()
    assert progress.step == step.steps == steps
    assert progress.best_loss == min(valid[: steps // 2])
    first_best = [2 * (i + 1) for i, value in enumerate(valid[: steps // 2]) if value < min([99, *valid[:i]])]
    assert best == first_best
    again = make_loop(step=Scripted(rig), patience=patience, validate_every_steps=2, steps=12)
    assert again.run().step == steps, "a run that has stopped early stays stopped"


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("bad", [(NAN, 1.0), (1.0, NAN), (1.0, INF), (INF, 1.0)])
@pytest.mark.parametrize(
    "every", [{"summary_every_steps": 1}, {"checkpoint_every_steps": 5}, {"validate_every_steps": 5}]
)
def test_what_is_no_number_ends_the_run_and_is_not_saved(rig, make_loop, bad, every):
    config = {"summary_every_steps": 100, "checkpoint_every_steps": 100, "validate_every_steps": 100} | every
    step = Scripted(rig, train=[(1.0, 1.0)] * 4 + [bad] * 9)
    with pytest.raises(FloatingPointError, match=r"not a number any more; try a lower LEARNING_RATE"):
        make_loop(step=step, **config).run()
    assert step.steps == 5
    assert not list(make_loop().checkpoints.glob("*.npz"))


@pytest.mark.parametrize("bad", [(NAN, 1.0), (1.0, INF)])
def test_what_is_no_number_is_not_saved_on_ctrl_c(rig, make_loop, bad):
    config = {"summary_every_steps": 100, "checkpoint_every_steps": 3, "validate_every_steps": 100}
    step = Scripted(rig, train=[(1.0, 1.0)] * 4 + [bad] * 9)
    with pytest.raises(KeyboardInterrupt):
        make_loop(step=Watched(step, "before train", 5), **config).run()
    assert step.steps == 5
    arrays = read_npz(make_loop().checkpoints / LAST, "")
    assert json.loads(arrays["__progress__"].tobytes())["step"] == 3


def test_the_best_weights_are_those_of_the_best_validation(rig, make_loop):
    values = {}
    loop = make_loop(on_best=lambda step: values.update({step: rig.values()}), validate_every_steps=3)
    progress = loop.run()
    arrays = read_npz(loop.checkpoints / BEST, "")
    arrays.pop("__progress__")
    _assert_equal(arrays, values[max(values)])
    last = read_npz(loop.checkpoints / LAST, "")
    last.pop("__progress__")
    _assert_equal(last, rig.values())
    assert progress.step == 12


def test_summaries(undisturbed):
    read = EventAccumulator(str(undisturbed[3] / "summaries"))
    read.Reload()
    tags = set(read.Tags()["scalars"])
    for head in set(HEADS) - {"facts"}:  # nobody learns those here
        # The one example with a known value may fall to steps that are not counted, and no label is no point.
        parts = ("valid",) if head == "pointer" else ("train", "valid")
        assert {f"{part}/{head}_{kind}" for part in parts for kind in ("loss", "accuracy")} <= tags
    others = {"learning_rate", "gradient_norm", "tokens_per_s", "loss"}
    assert {f"train/{name}" for name in others} <= tags
    losses, progress = undisturbed[0], undisturbed[2]
    points = [(p.step, p.value) for p in read.Scalars("train/loss")]
    # Steps before a validation (after steps 4 and 8) are left out, so that its time does not count.
    means = [(step, np.mean(losses[since:step])) for since, step in ((4, 5), (8, 10), (10, 12))]
    assert points == [(step, pytest.approx(mean, rel=1e-5)) for step, mean in means]
    valid = [(p.step, p.value) for p in read.Scalars("valid/loss")]
    assert [step for step, _ in valid] == [4, 8, 12]
    assert min(value for _, value in valid) == pytest.approx(progress.best_loss, rel=1e-6)


def test_validation_does_not_depend_on_the_size_of_batches(rig, make_loop):
    found = []
    for tokens in (150, 400, 8000):
        rig.reset()
        loop = make_loop(f"{tokens}", batch_tokens=tokens)
        found.append(loop._score_valid(loop.valid))
    for other in found[1:]:
        for head in HEADS:
            np.testing.assert_allclose(other[head], found[0][head], rtol=1e-4)


def test_validation_leaves_everything_as_it_was(rig, make_loop):
    loop = make_loop()
    loop._score_valid(loop.valid)
    _assert_equal(rig.values(), rig.initial)


def test_a_full_disk_ends_the_run_with_the_old_checkpoint_whole(rig, make_loop, monkeypatch):
    make_loop(steps=3).run()
    path = make_loop().checkpoints / LAST
    old = path.read_bytes()
    real = os.replace

    def full(source, target):
        if str(target).endswith(".npz"):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        make_loop().run()
    assert path.read_bytes() == old


class FullDisk(SummaryWriter):
    """Takes scalars up to a step."""

    def __init__(self, folder, step, last):
        super().__init__(folder, step)
        self.last = last

    def scalars(self, values, step):
        if step > self.last:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().scalars(values, step)


@pytest.mark.parametrize("last", [0, 4, 5, 8, 11])
def test_summaries_that_cannot_be_written_cost_no_step(rig, make_loop, undisturbed, last):
    losses, values, progress, _ = undisturbed
    first = Watched(rig.step)
    loop = make_loop(step=first)
    loop.writer = lambda step: FullDisk(loop.checkpoints / "summaries", step, last)
    with pytest.raises(OSError, match="No space left"):
        loop.run()
    rig.spoil()
    second = Watched(rig.step)
    assert make_loop(step=second).run() == progress
    assert first.losses + second.losses == losses
    _assert_equal(rig.values(), values)


def test_sources_of_a_mixture_have_metrics_of_their_own(rig, make_loop, corpus):
    class BySource(Scripted):
        """Of the short corpus each reply costs 3 nats, of the other 1."""

        def score(self, features):
            short = len(features["target_ids"]) == 1
            return super().score(features) | {"reply": (6.0, 2.0, 1.0) if short else (2.0, 2.0, 1.0)}

        def train(self, *batches):
            results = [super(BySource, self).train(batch) | self.score(batch) for batch in batches]
            return results[0] | {"parts": [{head: result[head] for head in HEADS} for result in results]}

    few = pack_corpus_of(corpus, 1)
    loop = make_loop(step=BySource(rig), accumulate=2, steps=8, validate_every_steps=8, summary_every_steps=8)
    shares = {"many": 0.75, "few": 0.25}
    loop.corpus = loop.valid = Mixture({"many": corpus, "few": few}, shares)
    loop.config = dataclasses.replace(loop.config, batch_tokens=8000)
    loop.batches = mixed_batches
    progress = loop.run()
    assert progress.best_loss == pytest.approx(0.75 * 1 + 0.25 * 3)
    assert (progress.epoch, progress.batch) == (0, 16)
    read = EventAccumulator(str(loop.checkpoints / "summaries"))
    read.Reload()
    for part in ("train", "valid"):
        assert [p.value for p in read.Scalars(f"{part}/many/reply_loss")] == [1.0]
        assert [p.value for p in read.Scalars(f"{part}/few/reply_loss")] == [3.0]
    assert read.Scalars("valid/loss")[0].value == pytest.approx(1.5)


def pack_corpus_of(corpus, rows):
    """The first rows of a packed corpus."""
    splits = {axis: split[: rows + 1] for axis, split in corpus.splits.items()}
    values = {name: corpus.values[name][: splits[FEATURES[name].shape[1]][-1]] for name in FEATURES}
    return PackedCorpus(values, splits)


def test_hooks_are_told_the_step(rig, make_loop):
    told = []
    make_loop(on_validation=lambda writer, step: told.append(step), steps=6).run()
    assert told == [4, 6]


def test_clipping_and_the_schedule_are_in_the_step(rig, corpus, tiny_training):
    from persona_tf.training.losses import learning_rate

    features = corpus.rows(np.arange(len(corpus)))
    for number in range(3):
        result = rig.step.train(features)
        assert float(result["learning_rate"]) == pytest.approx(float(learning_rate(number, tiny_training())))
        real = sum(int((features[f"{field}_ids"] != 0).sum()) for field in ("knowledge", "history", "target"))
        assert int(result["tokens"]) == real
    assert float(result["gradient_norm"]) > 1, "so that there is something to clip"
    momentum = [np.square(v).sum() for name, v in rig.values().items() if name.endswith("momentum")]
    # Muon sums gradients up, each time forgetting a twentieth; AdamW's part takes means.
    assert np.sqrt(sum(momentum)) <= (1 + 0.95 + 0.95**2) * tiny_training().clip_norm + 1e-3
