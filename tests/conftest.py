"""What all tests share: a quiet TensorFlow, patience on busy machines, and one small cast of dialogues.

Fixtures import what they need when they run, so that the pure-Python tests stay quick.
"""

import dataclasses
import importlib.util
import os
import pathlib

import pytest
from hypothesis import settings

from persona_tf.episode import (
    KEY_KINDS,
    WORLD,
    Aside,
    Character,
    Episode,
    Fact,
    Probe,
    Setting,
    Statement,
    Thing,
    Turn,
)
from persona_tf.example import EMOTE_LABELS, ExampleConfig
from persona_tf.learner import examples

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

# Examples may be slow when the machine has other work: no deadline for one of them. The same examples for everyone, so
# that a test fails for all or for none; `pytest --hypothesis-profile=explore` draws new ones.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile("same")

MIRA = Character(
    "Mira the baker",
    (Fact("I bake bread."), Fact("My cat is called Fig.", "pet_name", "Fig"), Fact("I fear geese.")),
    carrying=(Thing("a basket", "It smells of rye."),),
    wearing=(Thing("an apron"),),
    wielding=(Thing("a ladle"),),
)
TAM = Character("Tam", (Fact("I am a guard."), Fact("My dog is called Rook.", "pet_name", "Rook")))
BARN = Setting(
    "Old barn", "Farm", ("The roof leaks.", "Hay lies about."), (Thing("a rake", "It is rusty."),), ("a goose",)
)


def _module(name):
    path = pathlib.Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def light_sample():
    """The module tests/light_sample.py."""
    return _module("light_sample")


@pytest.fixture(scope="session")
def word_encoder():
    """The module tests/word_encoder.py."""
    return _module("word_encoder")


@pytest.fixture(scope="session")
def episodes():
    """Four dialogues of unlike length: with everything, with no setting, with bare characters, of one turn."""
    market = (
        Turn(0, "Good day, baker!", action="hug Mira", emote="smile"),
        Turn(1, "Fresh bread, friend? I bake it.", emote="grin", grounding=("persona/0",)),
        Turn(0, "Whose cat is that?"),
        Turn(
            1,
            "She is mine. Fig is her name.",
            action="give bread to Tam",
            grounding=("persona/1", "object/0"),
            probe=Probe("persona", "pet_name", "Fig", ("Rook",)),
        ),
        Turn(0, "", emote="nod"),
        Turn(1, "Mind the goose!", emote="scream", grounding=("turn/2", "present/0", "persona/2", "turn/4")),
    )
    gate = (
        Turn(0, "Who goes there?", action="wield spear", emote="stare"),
        Turn(1, "Only me, Tam. How is Rook?", grounding=("partner_name/0",)),
        Turn(0, "He sleeps all day.", grounding=("persona/1",)),
    )
    return (
        Episode("market", "demo", BARN, (TAM, MIRA), market),
        Episode("gate", "demo", None, (TAM, MIRA), gate),
        Episode("bare", "demo", None, (Character("A"), Character("B")), (Turn(0, "Hm."), Turn(1, "Ha?")), (1,)),
        Episode("single", "demo", BARN, (TAM, MIRA), (Turn(1, "Nobody here."),), (1,)),
    )


@pytest.fixture(scope="session")
def stating():
    """A dialogue whose turns say what they state, of both and of the place; with two asides."""
    guard, cat, rake = (
        Fact("I am a guard.", "trade", "guard"),
        Fact("My cat is called Fig.", "pet_name", "Fig"),
        Fact("The rake here is rusty.", "thing_colour", "rusty"),
    )
    talk = (
        Turn(0, "I guard the gate.", states=(Statement(0, guard),)),
        Turn(1, "Well met!"),
        Turn(0, "Whose cat is that?"),
        Turn(
            1,
            "Mine, Fig. Mind that rusty rake.",
            grounding=("persona/1", "object/0"),
            probe=Probe("persona", "pet_name", "Fig"),
            states=(Statement(1, cat), Statement(WORLD, rake)),
        ),
        Turn(0, "And where do you live?"),
        Turn(
            1,
            "Who knows?",
            probe=Probe("unanswerable", "home", "", ("Ashmoor", "Tarn")),
            could_state=Fact("I live in Tarn.", "home", "Tarn"),
        ),
    )
    asides = (
        Aside(2, Turn(0, "Do you bake?"), Turn(1, "I do.", probe=Probe("persona", "trade", "bake"))),
        Aside(
            4,
            Turn(0, "I am old. How old are you?", states=(Statement(0, Fact("I am old.", "age", "old")),)),
            Turn(1, "Ha.", probe=Probe("unanswerable", "age"), could_state=Fact("I am nine.", "age", "nine")),
        ),
    )
    return Episode("stating", "demo", BARN, (TAM, MIRA), talk, (1,), asides)


@pytest.fixture(scope="session")
def make_examples(episodes):
    """Episodes (those of `episodes` if none are given) -> all their examples."""

    def make(*chosen, **config):
        kinds = {"kinds": KEY_KINDS, **config}
        return [e for episode in chosen or episodes for e in examples(episode, ExampleConfig(**kinds))]

    return make


@pytest.fixture(scope="session")
def cast(make_examples):
    """All examples of `episodes`; rows of very unlike length."""
    return make_examples()


@pytest.fixture(scope="session")
def vocabulary_model(cast, tmp_path_factory):
    """A SentencePiece model of 330 ids for `cast`, serialised."""
    from persona_tf.text.vocabulary import train_vocabulary

    texts = [item.text for example in cast for item in example.items]
    texts += [target.reply for example in cast for target in example.targets]
    texts += [target.action for example in cast for target in example.targets]
    return train_vocabulary(texts, 330, tmp_path_factory.mktemp("text") / "vocabulary.model")


@pytest.fixture(scope="session")
def tokenizer(vocabulary_model):
    """The tokenizer of `vocabulary_model`."""
    from persona_tf.text.tokenizer import Tokenizer

    return Tokenizer(vocabulary_model)


@pytest.fixture(scope="session")
def packer(tokenizer):
    """A packer with wide limits that learns all heads."""
    from persona_tf.text.config import TextConfig
    from persona_tf.text.packer import Packer

    return Packer(tokenizer, TextConfig(vocabulary_size=tokenizer.size))


@pytest.fixture(scope="session")
def corpus(cast, packer):
    """`cast`, packed."""
    from persona_tf.data.corpus import pack_corpus

    return pack_corpus(cast, packer)


@pytest.fixture(scope="session")
def features(corpus):
    """`cast` as one padded batch of NumPy arrays."""
    import numpy as np

    return corpus.rows(np.arange(len(corpus)))


@pytest.fixture(scope="session")
def tiny_config(tokenizer):
    """ModelConfig fields -> the config of a tiny model for `tokenizer`."""
    from persona_tf.model.config import ModelConfig

    tiny = ModelConfig(
        width=16,
        heads=2,
        feed_forward=32,
        encoder_layers=1,
        decoder_layers=1,
        dropout=0.0,
        precision="float32",
        vocabulary_size=tokenizer.size,
        emotes=len(EMOTE_LABELS),
    )
    return lambda **fields: dataclasses.replace(tiny, **fields)


@pytest.fixture(scope="session")
def make_model(tiny_config):
    """ModelConfig fields -> a tiny model; equal fields and seed give equal weights."""
    import random

    from persona_tf.model.transformer import PersonaTransformer

    def make(seed=0, **fields):
        random.seed(seed)  # Keras draws its seeds from here
        model = PersonaTransformer(tiny_config(**fields))
        model.build()
        return model

    return make


@pytest.fixture(scope="session")
def shaken(make_model):
    """ModelConfig fields -> a tiny model none of whose weights is zero or one; do not change it.

    With a ``scale`` of 0.5 it says something else in every situation.
    """
    import numpy as np

    made = {}

    def make(scale=0.3, **fields):
        asked = repr((scale, sorted(fields.items())))
        if asked not in made:
            made[asked] = shake(make_model(**fields), scale)
        return made[asked]

    def shake(model, scale):
        rng = np.random.default_rng(1)
        for weight in model.weights:
            weight.assign(weight + rng.normal(0, scale, weight.shape).astype(np.float32))
        return model

    return make


@pytest.fixture(scope="session")
def bundle_dir(make_model, vocabulary_model, tokenizer, tmp_path_factory):
    """The folder of a bundle whose tiny model was never trained: what it says is noise, but it says it."""
    from persona_tf.decoding.config import DecodeConfig
    from persona_tf.export.bundle import save_bundle
    from persona_tf.text.config import TextConfig

    folder, model = tmp_path_factory.mktemp("bundle"), make_model()
    configs = {
        "text": TextConfig(tokenizer.size),
        "example": ExampleConfig(),
        "model": model.config,
        "decode": DecodeConfig(max_reply_tokens=6, max_action_tokens=3),
    }
    save_bundle(folder, "tiny", 0, configs, model, vocabulary_model)
    return folder
