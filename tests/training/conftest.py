import dataclasses
import pathlib

import pytest


@pytest.fixture(scope="session")
def tiny_training():
    """TrainConfig fields -> a config of short runs with several batches an epoch, validations and checkpoints."""
    from persona_tf.training.config import TrainConfig

    tiny = TrainConfig(
        steps=12,
        batch_tokens=300,
        learning_rate=1e-2,
        warmup_steps=3,
        knowledge_weight=0.5,
        label_smoothing=0.1,
        validate_every_steps=4,
        checkpoint_every_steps=3,
        summary_every_steps=5,
    )
    return lambda **fields: dataclasses.replace(tiny, **fields)


@dataclasses.dataclass
class Rig:
    """A model with its compiled step, which takes seconds to make: tests share it and `reset` it first."""

    model: object
    step: object
    initial: dict

    @property
    def optimizer(self):
        return self.step.optimizer

    def variables(self):
        from persona_tf.training.checkpoint import named_variables

        return named_variables(self.model, self.optimizer)

    def values(self):
        return {name: variable.numpy() for name, variable in self.variables().items()}

    def reset(self):
        for name, variable in self.variables().items():
            variable.assign(self.initial[name])

    def spoil(self):
        """Leaves no variable as it was, as in a new process with another seed."""
        for variable in self.variables().values():
            variable.assign(variable.numpy() + 1)


@pytest.fixture(scope="session")
def shared_rig(make_model, tiny_training):
    from persona_tf.training.optimizers import make_optimizer
    from persona_tf.training.tensorflow_step import TensorFlowStep

    model = make_model(dropout=0.2, fusion="select", knowledge_dropout=0.2)
    rig = Rig(model, TensorFlowStep(model, make_optimizer(tiny_training()), tiny_training()), {})
    rig.initial = rig.values()
    return rig


@pytest.fixture
def rig(shared_rig):
    """A tiny model at its first step."""
    shared_rig.reset()
    return shared_rig


@pytest.fixture
def make_loop(rig, corpus, tiny_training, tmp_path):
    """Folder name and fields of `Loop` or TrainConfig -> a loop over `corpus` that writes there."""
    from persona_tf.training.loop import Loop
    from persona_tf.training.summaries import SummaryWriter

    def make(name="run", step=None, on_best=lambda step: None, on_validation=lambda writer, step: None, **config):
        folder = pathlib.Path(tmp_path / name)
        return Loop(
            model=rig.model,
            step=step or rig.step,
            config=tiny_training(**config),
            corpus=corpus,
            valid=corpus,
            checkpoints=folder,
            vocabulary="abc",
            writer=lambda step: SummaryWriter(folder / "summaries", step),
            on_best=on_best,
            on_validation=on_validation,
        )

    return make
