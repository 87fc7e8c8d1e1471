"""Bots without a model, and a server of two of them in a process of its own: `python fake_bot.py CHATS PORT`.

With `noting` behind it, it is one bot that remembers.
"""

import importlib.util
import pathlib
import sys
import threading
import time
import types

from persona_tf.chat.answer import Answer
from persona_tf.chat.asking import Told
from persona_tf.decoding.config import DecodeConfig
from persona_tf.example import ExampleConfig, OwnedFact


class FakeBot:
    """Says back what it was told, a word at a time, and how many turns it saw; first a `word` of its own.

    `gate` holds it up; at word `pause_at`, counted from 1, it closes the gate itself.
    """

    def __init__(self, mixes=True, delay=0.0, word=""):
        encode = types.SimpleNamespace(encode=lambda texts: [text.split() for text in texts])
        packer = types.SimpleNamespace(tokenizer=encode)
        self.bundle = types.SimpleNamespace(example=ExampleConfig(), experiment="fake", step=7, packer=packer)
        self.decode, self.engine, self.mixes = DecodeConfig("sample", top_p=0.9), "fake", mixes
        self.gate, self.delay, self.word = threading.Event(), delay, word
        self.gate.set()
        self.pause_at = None
        self.batches = []

    def check(self, decode):
        if decode.banned_words == ("bread",):
            raise ValueError("no bread here")

    def answering(self, asks, tokens=2):
        if not self.mixes and len({ask.decode for ask in asks}) > 1:
            raise ValueError("these do not mix")
        self.batches.append([ask.example.history[-1].speech if ask.example.history else "" for ask in asks])
        return self._answering(asks)

    def _answering(self, asks):
        replies = [self._reply(ask) for ask in asks]
        for count in range(1, max(len(reply.split()) for reply in replies) + 1):
            if count == self.pause_at:
                self.gate.clear()
            self.gate.wait(60)
            time.sleep(self.delay)
            yield [self._told(ask, reply, count) for ask, reply in zip(asks, replies, strict=True)]

    def _reply(self, ask):
        said = ask.example.history[-1].speech if ask.example.history else "nothing"
        if said == "fail":
            raise MemoryError("on purpose")
        words = f"{self.word} You said: {said} after {len(ask.example.history)} turns, with {ask.seed % 997}.".split()
        return " ".join(words[: ask.decode.max_reply_tokens])

    def _told(self, ask, reply, count):
        words = reply.split()
        text, done = " ".join(words[:count]), count >= len(words)
        leant_on = {"persona/0": 0.5} if ask.example.items else {}
        if ask.example.history:
            leant_on[ask.example.history[-1].key] = 0.25
        cut = not done or len(words) == ask.decode.max_reply_tokens
        answer = Answer(text, "wave" if done else "", "smile" if done else "", leant_on, count, -1.0, cut)
        return Told(text if ask.told else "", done, lambda: answer)


class NotingBot(FakeBot):
    """Reads "Note: OWNER FACT" in what its partner says as that fact; asked "Where ..." without a home it makes one up.

    It says where it lives, if it knows, and leans on what comes to its mind. `read` and `shown`: what it was asked.
    `notes` is a gate that holds up what it writes down.
    """

    def __init__(self, learns=True, **more):
        super().__init__(**more)
        self.bundle.example = ExampleConfig(learn_facts=learns)
        self.homes = ["Tarn", "Ashmoor", "Rome"]
        self.read, self.shown, self.notes = [], [], threading.Event()
        self.notes.set()

    def noting(self, asks, tokens=2):
        while asks[0].task == "extract" and not self.notes.is_set():
            yield [Told("", False, None) for _ in asks]
        facts = [[self._fact(ask, target) for target in ask.example.targets] for ask in asks]
        yield [Told("", True, lambda own=own: own) for own in facts]

    def _fact(self, ask, target):
        turn = next(turn for turn in ask.example.history if turn.turn == target.turn - 1)
        if ask.task == "invent":
            lacks = "Where" in turn.speech and not _home(ask.example)
            return (OwnedFact("self", f"I live in {self.homes.pop(0)}."),) if lacks else ()
        self.read.append(turn.speech)
        _, _, fact = turn.speech.partition("Note: ")
        owner, _, text = fact.partition(" ")
        return (OwnedFact(owner, text),) if text and turn.who else ()

    def _reply(self, ask):
        self.shown.append([item.text for item in ask.example.items])
        return _home(ask.example) or super()._reply(ask)

    def _told(self, ask, reply, count):
        told = super()._told(ask, reply, count)
        told.answer().leant_on.update({item.key: 0.1 for item in ask.example.items if item.key.startswith("memory")})
        return told


def _home(example):
    return next((item.text for item in example.items if item.text.startswith("I live in")), "")


def load_minds(file):
    """Opens memories whose facts are found by their words."""
    from persona_tf.chat.minds import Minds
    from persona_tf.chat.recalling import RecallConfig
    from persona_tf.retrieval.memory.relation import Rules
    from persona_tf.retrieval.memory.store import FactStore

    path = pathlib.Path(__file__).parents[2] / "word_encoder.py"
    spec = importlib.util.spec_from_file_location("word_encoder", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    encoder = module.WordEncoder()

    def best(turns, facts, count):
        return (-encoder.embed_facts(facts) @ encoder.embed_contexts([turns])[0]).argsort(kind="stable")[:count]

    return Minds(FactStore(file), encoder, Rules(), best, RecallConfig(k=3, most_shown=4))


if __name__ == "__main__":
    from persona_tf.serving.web.pairs import Other
    from persona_tf.serving.web.server import serve

    chats = pathlib.Path(sys.argv[1])
    if sys.argv[3:] == ["noting"]:
        serve(NotingBot, chats, port=int(sys.argv[2]), load_minds=lambda: load_minds(chats.with_name("memory")))
        sys.exit()
    other = Other(lambda: FakeBot(delay=0.001, word="OTHER"), ("a", "b"), chats.with_name("pairs.sqlite"))
    serve(lambda: FakeBot(delay=0.001), chats, port=int(sys.argv[2]), other=other)
