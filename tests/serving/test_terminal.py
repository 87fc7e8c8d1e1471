import io
import json
import sys
import types

import numpy as np
import pytest

from persona_tf.chat.bot import Answer
from persona_tf.chat.card import Card, read_card, write_card
from persona_tf.chat.card_scene import card_scene
from persona_tf.chat.remembering import begin
from persona_tf.chat.session import Session
from persona_tf.decoding.config import DecodeConfig
from persona_tf.episode import Character, Episode, Fact, Setting
from persona_tf.example import ExampleConfig, OwnedFact
from persona_tf.retrieval.memory.fact_memory import FactMemory
from persona_tf.retrieval.memory.facts import NewFact
from persona_tf.retrieval.memory.store import FactStore
from persona_tf.serving import terminal
from persona_tf.serving.display import Ink
from persona_tf.serving.terminal import Terminal

MIRA = Character("Mira", (Fact("I bake bread."),))
SCENE = Episode("d", "demo", Setting("Mill", description=("It leans.",)), (MIRA, Character("Tam")), (), (0,))


class FakeBot:
    """Says how many turns it has seen."""

    bundle = types.SimpleNamespace(example=ExampleConfig())

    def answer(self, batch, seed=0):
        leant_on = {"persona/0": 0.75}
        return [[Answer(f"I saw {len(batch[0].history)}.", "", "nod", leant_on, 3)]]


@pytest.fixture
def talk():
    """Takes lines; returns the session and all that was shown."""
    session = Session(FakeBot(), SCENE.setting, MIRA, Character("Tam"))

    def run(*lines):
        waiting, shown = list(lines), []

        def read(prompt):
            assert prompt == "Tam> "
            if not waiting:
                raise EOFError
            if isinstance(waiting[0], type):
                raise waiting.pop(0)
            return waiting.pop(0)

        Terminal(session, read, shown.append, Ink(False)).run()
        assert not waiting
        assert shown[-1] == "Farewell."
        return session, "\n".join(shown)

    return run


def test_a_line_is_said_and_answered(talk):
    session, shown = talk("Good day! *hug Mira* (smile)")
    first = session.episode.turns[0]
    assert (first.speech, first.action, first.emote) == ("Good day!", "hug Mira", "smile")
    assert "Mira: I saw 1. (nod) 👍\nleant on: 75% I bake bread." in shown


def test_an_empty_line_lets_the_bot_go_on(talk):
    session, _ = talk("", "hi")
    assert [turn.speech for turn in session.episode.turns] == ["I saw 0.", "hi", "I saw 2."]


def test_help_lists_every_command(talk):
    _, shown = talk("/help")
    names = "help facts place memory remember pin forget again reset save card opening quit"
    assert all(f"/{name} " in shown for name in names.split())


def test_the_facts_of_the_bot_are_shown_when_asked_for(talk):
    assert "I bake bread." not in talk()[1]
    assert "I bake bread." in talk("/facts")[1]


def test_the_place_is_shown_again(talk):
    assert talk("/place")[1].count("Mill\n  It leans.") == 2


def test_no_place_and_no_facts_are_said_to_be_none():
    shown = []
    talk = Terminal(Session(FakeBot(), None, Character(""), Character("")), input, shown.append, Ink(False))
    talk.take("/place")
    talk.take("/facts")
    assert "nowhere" in shown[0]
    assert shown[1:] == ["bot:", "  nothing is known"]


def test_again_and_reset(talk):
    session, shown = talk("/again", "a", "/again", "/reset", "/again", "b")
    assert shown.count("/again: there is no answer yet") == 2
    assert shown.count("I saw 1.") == 3
    assert [turn.speech for turn in session.episode.turns] == ["b", "I saw 1."]


@pytest.mark.parametrize(
    ("line", "hint"),
    [("/sve x", "did you mean /save?"), ("/", "/help lists them"), ("/\033[2J", "no command /[2J;")],
)
def test_an_unknown_command_is_no_speech(talk, line, hint):
    session, shown = talk(line)
    assert hint in shown
    assert session.episode.turns == ()


def test_save_keeps_the_episode(talk, tmp_path):
    path = tmp_path / "new folder" / "talk of Tam.jsonl"
    session, shown = talk("héllo", f"/save {path}", "more", f"/save {path}")
    assert f"{path}: 4 turns" in shown
    [line] = path.read_text(encoding="utf-8").splitlines()
    assert Episode.from_json(json.loads(line)) == session.episode
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_save_harms_no_file_of_others(talk, tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("mine")
    assert "exists, and is not from this conversation" in talk(f"/save {path}")[1]
    assert path.read_text() == "mine"


@pytest.mark.parametrize("name", ["", "/dev/null/x", "a\0b", "x" * 300, "~nobody-of-this-name/x", "."])
def test_what_cannot_be_saved_is_said_and_the_talk_goes_on(talk, name):
    session, shown = talk(f"/save {name}", "hi")
    assert "/save" in shown
    assert len(session.episode.turns) == 2


# -------------------------------------------------------------------------------------------------- memory


class OneVector:
    """To it all is alike."""

    def fingerprint(self):
        return "one"

    def embed_facts(self, facts):
        return np.ones((len(facts), 4), np.float32) / 2

    def embed_contexts(self, contexts):
        return self.embed_facts(contexts)


class WritingBot(FakeBot):
    """Takes what it is told for a fact of the partner, if it begins with I."""

    bundle = types.SimpleNamespace(example=ExampleConfig(learn_facts=True))

    def extract(self, batch):
        return [[self._stated(example, target) for target in example.targets] for example in batch]

    def _stated(self, example, target):
        turn = next(turn for turn in example.history if turn.turn == target.turn - 1)
        return (OwnedFact("partner", turn.speech),) if turn.who == 1 and turn.speech.startswith("I ") else ()

    def invent(self, batch):
        return [[""]]


@pytest.fixture
def mindful():
    """Takes lines; returns the memory and what was shown."""
    with FactStore(None) as store:
        memory, shown = FactMemory(store, "talk", OneVector()), []
        session, remembering = begin(WritingBot(), memory, SCENE.setting, MIRA, Character("Tam"))
        talk = Terminal(session, input, shown.append, Ink(False), remembering=remembering)

        def run(*lines):
            del shown[:]
            for line in lines:
                talk.take(line)
            return memory, "\n".join(shown)

        yield run


def test_what_was_remembered_is_told_and_listed(mindful):
    assert "remembered: I live in Rome." in mindful("I live in Rome.")[1]
    assert "remembered: I live in Bath. No more: “I live in Rome.”" in mindful("I live in Bath.")[1]
    memory, shown = mindful("/memory")
    assert shown == "    1   Mira: I bake bread. (given)\n    3   Tam: I live in Bath. (said)\n"
    assert "remembered" not in mindful("I live in Bath.")[1], "that is known"
    memory.add([NewFact(f"Number {n} is x{n}.", slot=f"s{n}", value="x") for n in range(300)])
    assert "  and 102 older ones" in mindful("/memory")[1]


def test_facts_are_remembered_pinned_and_forgotten_by_hand(mindful):
    memory, shown = mindful("/remember I fear geese.", "/remember me: I am a guard.", "/remember here: It is\x1b old.")
    assert [(fact.owner, fact.source) for fact in memory.facts()] == [
        ("self", "given"),
        ("self", "given"),
        ("partner", "given"),
        ("world", "given"),
    ]
    assert "remembered: I fear geese." in shown
    assert "\x1b" not in shown
    assert "That is known." in mindful("/remember I fear geese.")[1]
    assert "2 is known at every answer" in mindful("/pin 2")[1]
    assert "    2 * Mira: I fear geese. (given)" in mindful("/memory")[1]
    assert "2 is let go" in mindful("/pin 2")[1]
    assert "Forgotten: I bake bread." in mindful("/forget 1")[1]
    assert "I bake bread." not in mindful("/facts")[1]
    assert [fact.number for fact in memory.facts()] == [2, 3, 4]


@pytest.mark.parametrize("line", ["/pin", "/pin 99", "/forget x", "/forget 1 2", "/remember", "/remember me:"])
def test_a_wrong_number_or_no_text_is_told(mindful, line):
    memory, shown = mindful(line)
    assert f"expected {line.split()[0]}" in shown
    assert len(memory) == 1


@pytest.mark.parametrize("line", ["/memory", "/pin 1", "/forget 1", "/remember I am old."])
def test_without_a_memory_it_says_how_to_have_one(talk, line):
    assert "There is no memory: begin with RETRIEVER=" in talk(line)[1]


# --------------------------------------------------------------------------------------------------- cards

BOOK = {"entries": [{"keys": ["tower"], "content": "The tower is old."}]}
CARD = Card(
    "Ada", "I read.", "", "It is dark.", "*smiles* Yes, {{user}}?", ("Hm?",), "", BOOK, {"creator": "x"}, {"fav": True}
)


@pytest.fixture
def carded():
    """A terminal of a session that was made of a card, and what it showed."""
    cast, shown = card_scene(CARD, "Tam"), []
    session = Session(FakeBot(), cast.setting, cast.character, Character("Tam"), 0, cast.openings[:1], cast.recall)
    return Terminal(session, input, shown.append, Ink(False), cast), session, shown


def test_a_card_speaks_first_and_has_other_first_messages(carded):
    talk, _, shown = carded
    for line in ("hi", "/reset", "/opening", "hi", "/reset", "/opening"):
        talk.take(line)
    said = [line for line in shown if line.startswith("Ada")]
    first, second = "Ada: Yes, Tam? (smile) 🙂", "Ada: Hm?"
    assert said == ["Ada: I saw 2. (nod) 👍", first, second, "Ada: I saw 2. (nod) 👍", second, first]


def test_the_lorebook_tells_what_is_talked_of(carded):
    talk, session, _ = carded
    talk.take("The tower?")
    assert session.items[-1].text == "The tower is old."
    talk.take("/reset")
    talk.take("Well?")
    assert "The tower is old." not in [item.text for item in session.items]


def test_without_a_card_there_is_no_other_first_message(talk):
    assert "There is no other first message." in talk("/opening")[1]


@pytest.mark.parametrize("name", ["ada.json", "ada.png", "new/ADA.PNG"])
def test_whom_one_talks_to_is_written_as_a_card(talk, carded, tmp_path, name):
    _, shown = talk(f"/card {tmp_path / name}", f"/card {tmp_path / name}")
    assert shown.count(f"{tmp_path / name}: Mira") == 2
    meant = card_scene(read_card(tmp_path / name), "Tam")
    assert (meant.character, meant.setting) == (MIRA, SCENE.setting)
    carded[0].take(f"/card {tmp_path / name}x{name}")
    assert read_card(tmp_path / f"{name}x{name}") == read_card(write_card(CARD))


@pytest.mark.parametrize(
    ("name", "said"),
    [("", "expected /card FILE.json or"), ("ada.txt", "expected /card"), ("mine.json", "exists, and is not from this")],
)
def test_a_card_that_cannot_be_written_is_said(talk, tmp_path, name, said):
    (tmp_path / "mine.json").write_text("mine")
    assert said in talk(f"/card {tmp_path / name if name else ''}")[1]
    assert (tmp_path / "mine.json").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.json"]


def test_nobody_has_no_card():
    shown = []
    Terminal(Session(FakeBot(), None, Character(""), Character("")), input, shown.append, Ink(False)).take(
        "/card a.json"
    )
    assert "/card: a card needs a name" in shown[0]


def test_a_card_that_tells_too_much_is_said_to(decodes, typed, capsys):
    typed(b"tower\n")
    terminal.chat(
        None, SCENE, seed=1, card=Card("Mira", " ".join(f"I like {i}." for i in range(70)), first_message="Ja?")
    )
    shown = capsys.readouterr().out
    assert "6 of the card's sentences were left out: it tells too much." in shown
    assert "Mira: Ja?\nTam> tower\nMira: I saw 2." in shown


@pytest.mark.parametrize("end", ["/quit", EOFError, KeyboardInterrupt])
def test_every_way_out_is_polite(talk, end):
    session, _ = talk("hi", end)
    assert len(session.episode.turns) == 2


def test_ctrl_c_in_an_answer_leaves_too(talk, monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(FakeBot, "answer", stopped)
    session, _ = talk("hi")
    assert session.episode.turns == ()


# ------------------------------------------------------------------------------------- standard input and output


@pytest.fixture
def typed(monkeypatch):
    """Puts bytes on standard input."""

    def put(data):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))

    return put


@pytest.fixture
def decodes(monkeypatch):
    """Puts a fake bot in the place of the bundle's; returns the configs that it was made with."""
    made = []

    def bot(bundle, decode, engine):
        made.append(decode or bundle.decode)
        return FakeBot()

    monkeypatch.setattr(
        terminal, "load_bundle", lambda folder, precision: types.SimpleNamespace(decode=DecodeConfig(top_k=7))
    )
    monkeypatch.setattr(terminal, "Bot", bot)
    return made


def test_bytes_that_are_no_text_are_taken(decodes, typed, capsys):
    typed(b"\xff\xfe\x00 caf\xe9\r\n\n" + b"x" * 100_000)
    terminal.chat(None, SCENE, seed=1)
    assert capsys.readouterr().out.count("\nMira: ") == 3


def test_a_screen_without_these_letters_gets_question_marks(decodes, typed, monkeypatch):
    screen = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", screen)
    typed("grüß dich\n".encode())
    terminal.chat(None, SCENE, seed=1)
    screen.flush()
    assert b"Tam> gr?? dich\nMira: I saw 1. (nod) ?\n" in screen.buffer.getvalue()


@pytest.mark.parametrize(
    "said", [{}, {"temperature": 0.7}, {"top_p": 0.5}, {"method": "greedy"}, {"top_k": None, "max_reply_tokens": 3}]
)
def test_talking_samples_but_for_what_is_said(decodes, typed, said):
    typed(b"")
    terminal.chat(None, SCENE, 1, said)
    assert decodes == [DecodeConfig(**{"method": "sample", "top_p": 0.9, "top_k": 7} | said)]


@pytest.mark.parametrize("said", [{}, {"temperature": 0.7}])
def test_a_bundle_that_samples_keeps_its_way(decodes, typed, monkeypatch, said):
    own = {"method": "sample", "top_p": 0.5}
    monkeypatch.setattr(
        terminal, "load_bundle", lambda folder, precision: types.SimpleNamespace(decode=DecodeConfig(**own))
    )
    typed(b"")
    terminal.chat(None, SCENE, 1, said)
    assert decodes == [DecodeConfig(**own | said)]


def test_without_a_bundle_it_says_what_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"bundle\.json"):
        terminal.chat(tmp_path, SCENE, seed=1)


def test_a_memory_is_kept_in_a_file_by_the_names_of_the_two(decodes, typed, capsys, monkeypatch, tmp_path):
    opened = []

    def open_memory(file, retriever, name):
        opened.append((file, retriever, name))
        return FactMemory(FactStore(file), name, OneVector())

    bundle = types.SimpleNamespace(decode=DecodeConfig(), example=ExampleConfig())
    monkeypatch.setattr(terminal, "open_memory", open_memory)
    monkeypatch.setattr(terminal, "load_bundle", lambda folder, precision: bundle)
    file = str(tmp_path / "mira.sqlite")
    for line in (b"/remember I fear geese.\n", b"/memory\nhi\n"):
        typed(line)
        terminal.chat(None, SCENE, seed=1, retriever=tmp_path, memory=file)
    assert opened == [(file, tmp_path, "Mira and Tam")] * 2
    assert "    2   Mira: I fear geese. (given)" in capsys.readouterr().out


def test_a_real_bot_through_a_pipe(bundle_dir, typed, capsys):
    typed(b"Good day, Mira! *hug Mira*\n/again\n/quit\n")
    terminal.chat(bundle_dir, SCENE, seed=1)
    shown = capsys.readouterr().out
    assert "You are Tam." in shown
    assert "Tam> Good day, Mira! *hug Mira*\nMira: " in shown
    assert shown.count("leant on: ") == 2
    assert shown.endswith("Farewell.\n")
    assert "\033" not in shown


def test_a_terminal_gets_styles(decodes, typed, monkeypatch):
    class Screen(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdout", Screen())
    typed(b"hi\n")
    terminal.chat(None, SCENE, seed=1)
    assert "\033[1mMira\033[0m: I saw 1." in sys.stdout.getvalue()
    assert "\033[2mleant on: 75% I bake bread.\033[0m" in sys.stdout.getvalue()
