"""A bot without a model, and a server of two of them in a process of its own: `python fake_bot.py CHATS PORT`."""

import pathlib
import sys
import threading
import time
import types

from persona_tf.chat.answer import Answer
from persona_tf.chat.asking import Told
from persona_tf.decoding.config import DecodeConfig
from persona_tf.example import ExampleConfig


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


if __name__ == "__main__":
    from persona_tf.serving.web.pairs import Other
    from persona_tf.serving.web.server import serve

    chats = pathlib.Path(sys.argv[1])
    other = Other(lambda: FakeBot(delay=0.001, word="OTHER"), ("a", "b"), chats.with_name("pairs.sqlite"))
    serve(lambda: FakeBot(delay=0.001), chats, port=int(sys.argv[2]), other=other)
