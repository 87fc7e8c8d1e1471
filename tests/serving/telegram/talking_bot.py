"""A bot without a model that tells which facts it was shown; as a script: a bot on a fake Telegram.

TELEGRAM_TOKEN=... python talking_bot.py CHATS URL DELAY
"""

import importlib.util
import pathlib
import sys
import threading

from persona_tf.episode import Character, Episode, Fact, Setting


def _fake_bot():
    path = pathlib.Path(__file__).parents[1] / "web" / "fake_bot.py"
    spec = importlib.util.spec_from_file_location("fake_bot", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FAKE = _fake_bot()
NotingBot, load_minds = FAKE.NotingBot, FAKE.load_minds

MIRA = Character("Mira", (Fact("I bake bread."), Fact("My cat is called Fig."), Fact("I fear geese.")))
MILL = Setting("Mill", description=("It leans.",))
SCENE = Episode("d", "demo", MILL, (Character("Tam"), MIRA), (), learners=(1,))


class Gate(threading.Event):
    """Holds up whoever comes, until it is opened."""

    def wait(self, timeout=None):
        return super().wait(600)


class TalkingBot(FAKE.FakeBot):
    """Says what it heard last, how many turns it saw, and the facts that it was shown; leans on the last fact most."""

    def __init__(self, **more):
        super().__init__(**more)
        self.gate = Gate()
        self.gate.set()

    def _reply(self, ask):
        if ask.example.history and ask.example.history[-1].speech == "fail":
            raise MemoryError("on purpose")
        said = ask.example.history[-1].speech if ask.example.history else "nothing"
        if said.startswith("long "):
            return "word " * int(said.split()[1]) + "end"
        facts = sorted(i.text for i in ask.example.items if i.kind == "persona")
        place = sorted(i.text for i in ask.example.items if i.kind == "setting_description")
        return f"Heard: {said} | turns {len(ask.example.history)} | {' '.join(facts)} | {' '.join(place)}"

    def _told(self, ask, reply, count):
        told = super()._told(ask, reply, count)
        facts = sorted((i.key for i in ask.example.items if i.kind == "persona"), reverse=True)
        told.answer().leant_on.clear()
        told.answer().leant_on.update({key: 0.5 / (place + 1) for place, key in enumerate(facts)})
        return told


if __name__ == "__main__":
    import logging

    from persona_tf.serving.telegram.server import run

    logging.basicConfig(level=logging.DEBUG)
    run(lambda: TalkingBot(delay=float(sys.argv[3])), pathlib.Path(sys.argv[1]), sys.argv[2], lambda seed: SCENE)
