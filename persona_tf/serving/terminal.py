"""Talking in the terminal: lines in, lines out. Also through a pipe: ``echo hello | make chat EXP=quickstart``."""

import contextlib
import difflib
import io
import json
import pathlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from persona_tf.atomic_file import write_atomically
from persona_tf.chat.bot import Answer, Bot
from persona_tf.chat.card import Card, write_card, write_card_png
from persona_tf.chat.card_scene import CardScene, card_scene, scene_card
from persona_tf.chat.recalling import open_memory
from persona_tf.chat.remembering import KnownFact, Remembering, begin
from persona_tf.chat.session import BOT, PARTNER, Session
from persona_tf.episode import EMOTES, Episode
from persona_tf.export.bundle import load_bundle
from persona_tf.serving import display
from persona_tf.serving.display import Ink
from persona_tf.serving.typed import typed
from persona_tf.serving.waking import talking


def chat(
    bundle_dir: pathlib.Path,
    scene: Episode,
    seed: int,
    decoding: Mapping[str, Any] | None = None,
    engine: str = "auto",
    card: Card | None = None,
    retriever: pathlib.Path | None = None,
    memory: str = "",
    watch: Callable[[Bot], Bot] = lambda bot: bot,
) -> None:
    """Talks on standard input and output until ``/quit``, the end of input or Ctrl-C.

    Args:
      bundle_dir: a trained bot.
      scene: place and characters; its one learner is whom the bot plays. Its turns are not looked at.
      seed: of the sampling.
      decoding: fields of DecodeConfig that are to have other values than `waking.talking` gives them.
      engine: one of `export.engines.ENGINES`.
      card: gives the first message and the lorebook. Place and characters are those of the scene.
      retriever: the bundle of what finds facts; with it the bot has a memory.
      memory: the file that keeps it, by the names of the two; "": it lasts as long as the talk.
      watch: see `chat.watched_bot.watching`.

    Raises:
      FileNotFoundError, ValueError: see `export.bundle.load_bundle`, `Bot`, `chat.session.Session` and
        `chat.recalling.open_memory`.
    """
    # One reply at a time: weights are read once a token, and to halve them anew each time costs more than it saves.
    bundle = load_bundle(bundle_dir, "float32")
    [learner] = scene.learners
    me, partner = scene.characters[learner], scene.characters[1 - learner]
    cast = None if card is None else card_scene(card, partner.name, me.name)
    opening, recall = (cast.openings[:1], cast.recall) if cast else ((), None)
    bot = watch(Bot(bundle, talking(bundle.decode, decoding), engine))
    about = (scene.setting, me, partner, seed, opening, recall)
    if retriever is None:
        session, remembering = Session(bot, *about), None
    else:
        names = f"{me.name or 'bot'} and {partner.name or 'you'}"
        session, remembering = begin(bot, open_memory(memory or None, retriever, names), *about)
    _forgive_encodings()
    Terminal(session, _reader(), print, Ink(sys.stdout.isatty()), cast, remembering).run()


class Terminal:
    """A conversation line by line.

    Args:
      session: the conversation.
      read: takes a prompt and returns a line; raises EOFError at the end of input.
      write: shows a line.
      ink: styles or none.
      cast: what the card means that the session was made of, if it was.
      remembering: its memory, if it has one.
    """

    def __init__(
        self,
        session: Session,
        read: Callable[[str], str],
        write: Callable[[str], object],
        ink: Ink,
        cast: CardScene | None = None,
        remembering: Remembering | None = None,
    ):
        self._session, self._read, self._write, self._ink, self._cast = session, read, write, ink, cast
        self._openings = cast.openings if cast else ()
        self._remembering = remembering
        self._saved: set[pathlib.Path] = set()
        self._open = True

    def run(self) -> None:
        """Shows who and where you are, then takes lines until there are no more."""
        prompt = f"{display.name_of(self._session, PARTNER)}> "
        try:
            for line in display.welcome(self._session, self._ink):
                self._write(line)
            self._note("/help lists the commands.")
            if self._cast and self._cast.left_out:
                self._note(f"{self._cast.left_out} of the card's sentences were left out: it tells too much.")
            self._write("")
            self._show_turns()
            while self._open:
                self.take(self._read(prompt))
        except (EOFError, KeyboardInterrupt):
            self._write("")  # ends the line of the prompt
        self._note("Farewell.")

    def take(self, line: str) -> None:
        """One line: a command, or a turn: ``Good day! *hug Mira* (smile)``. An empty one lets the bot go on."""
        if line.startswith("/"):
            return self._command(*line[1:].split(maxsplit=1))
        self._show(self._session.say(*typed(line)))

    def _command(self, name: str = "", rest: str = "") -> None:
        if name not in _COMMANDS:
            close = difflib.get_close_matches(name, _COMMANDS, n=1)
            hint = f"did you mean /{close[0]}?" if close else "/help lists them"
            return self._note(f"There is no command /{display.plain(name)}; {hint}")
        _COMMANDS[name][1](self, rest.strip())

    def _help(self, _: str) -> None:
        for name, (about, _run) in _COMMANDS.items():
            self._note(f"/{name:8} {about}")
        self._note('A line may end in what you do and show: "Good day! *hug Mira* (smile)".')
        self._note(f"You can show: {', '.join(EMOTES)}.")
        self._note("An empty line lets the other go on, or begin.")

    def _facts(self, _: str) -> None:
        me = self._session.episode.characters[BOT]
        lines = list(display.facts(me))
        self._note(f"{display.name_of(self._session, BOT)}:")
        for line in lines or ["  nothing is known"]:
            self._note(line)

    def _memory(self, _: str) -> None:
        if remembering := self._needs_memory():
            facts = remembering.memory.facts()
            for fact in facts[-_MOST_LISTED:]:
                self._note(display.known_fact(self._session, fact))
            more = len(facts) - _MOST_LISTED
            self._note(f"  and {more:,} older ones" if more > 0 else "" if facts else "  nothing is known")

    def _pin(self, number: str) -> None:
        if fact := self._numbered("pin", number):
            assert self._remembering is not None
            self._remembering.memory.pin(fact.number, not fact.pinned)
            self._note(f"{fact.number} {'is let go' if fact.pinned else 'is known at every answer'}")

    def _forget(self, number: str) -> None:
        if fact := self._numbered("forget", number):
            assert self._remembering is not None
            self._remembering.forget(fact.number)
            self._note(f"Forgotten: {display.plain(fact.text)}")

    def _remember(self, text: str) -> None:
        if not (remembering := self._needs_memory()):
            return
        mark, _, rest = text.partition(":")
        owner = _OWNERS.get(mark.strip().lower(), "")
        if not (fact := rest.strip() if owner else text):
            return self._note("expected /remember TEXT, or me: TEXT of you, here: TEXT of the place")
        outcome = remembering.tell(fact, owner or "self")
        self._note(display.outcome(self._session, outcome) or "That is known.")

    def _needs_memory(self) -> Remembering | None:
        if self._remembering is None:
            self._note("There is no memory: begin with RETRIEVER=folder of a retriever's run (--retriever)")
        return self._remembering

    def _numbered(self, command: str, number: str) -> KnownFact | None:
        """The fact of a number that was typed."""
        if not (remembering := self._needs_memory()):
            return None
        fact = next((fact for fact in remembering.memory.facts() if str(fact.number) == number), None)
        if fact is None:
            self._note(f"expected /{command} NUMBER, one of those that /memory lists, got {display.plain(number)!r}")
        return fact

    def _place(self, _: str) -> None:
        setting = self._session.episode.setting
        if setting is None:
            return self._note("You are nowhere in particular.")
        for line in display.place(setting, self._ink):
            self._write(line)

    def _again(self, _: str) -> None:
        try:
            self._show(self._session.again())
        except ValueError as error:
            self._note(f"/again: {error}")

    def _reset(self, _: str) -> None:
        self._session.reset()
        self._note("All that was said is forgotten.")
        self._show_turns()

    def _opening(self, _: str) -> None:
        if len(self._openings) < 2:
            return self._note("There is no other first message.")
        self._openings = (*self._openings[1:], self._openings[0])
        self._session.reset(self._openings[:1])
        self._show_turns()

    def _save(self, name: str) -> None:
        if not name:
            return self._note("expected /save FILE")
        try:
            line = json.dumps(self._session.episode.to_json(), ensure_ascii=False)
            path = self._keep(name, f"{line}\n".encode())
        except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: no home for a ~
            return self._note(f"/save: {error}")
        self._note(f"{path}: {len(self._session.episode.turns)} turns")

    def _card(self, name: str) -> None:
        if not name.lower().endswith((".json", ".png")):
            return self._note("expected /card FILE.json or /card FILE.png")
        episode = self._session.episode
        base = self._cast.card if self._cast else None
        try:
            card = scene_card(episode.characters[BOT], episode.setting, base, episode.characters[PARTNER].name)
            path = self._keep(name, write_card_png(card) if name.lower().endswith(".png") else write_card(card))
        except (OSError, ValueError, RuntimeError) as error:
            return self._note(f"/card: {error}")
        self._note(f"{path}: {display.plain(card.name)}")

    def _keep(self, name: str, content: bytes) -> pathlib.Path:
        """Writes a file, but over none that is not from this conversation; returns its path."""
        path = pathlib.Path(name).expanduser()
        if path.exists() and path.resolve() not in self._saved:
            raise ValueError(f"{name} exists, and is not from this conversation: choose another name")
        write_atomically(path, content)
        self._saved.add(path.resolve())
        return path

    def _quit(self, _: str) -> None:
        self._open = False

    def _show_turns(self) -> None:
        for turn in self._session.episode.turns:
            self._write(display.turn(self._session, turn, self._ink))

    def _show(self, answer: Answer) -> None:
        for line in display.answer(self._session, answer, self._ink):
            self._write(line)
        for outcome in self._remembering.learn() if self._remembering else ():
            if line := display.outcome(self._session, outcome):
                self._note(line)

    def _note(self, text: str) -> None:
        self._write(self._ink.dim(text))


_MOST_LISTED = 200
_OWNERS = {"me": "partner", "here": "world"}

_COMMANDS: dict[str, tuple[str, Callable[[Terminal, str], None]]] = {
    "help": ("this list", Terminal._help),
    "facts": ("all about whom you talk to", Terminal._facts),
    "place": ("where you are", Terminal._place),
    "memory": ("what is remembered, by number", Terminal._memory),
    "remember": ("TEXT: remember a fact of the other (me: of you, here: of the place)", Terminal._remember),
    "pin": ("NUMBER: have a fact known at every answer, or no more", Terminal._pin),
    "forget": ("NUMBER: forget a fact", Terminal._forget),
    "again": ("the last answer anew", Terminal._again),
    "reset": ("forget all that was said", Terminal._reset),
    "save": ("FILE: keep the conversation, one line of JSON", Terminal._save),
    "card": ("FILE.json or FILE.png: write whom you talk to as a character card", Terminal._card),
    "opening": ("begin anew with another first message of the card", Terminal._opening),
    "quit": ("leave; so do Ctrl-D and Ctrl-C", Terminal._quit),
}


def _reader() -> Callable[[str], str]:
    """Reads lines; with editing where a person types, and with an echo where they come through a pipe."""
    if sys.stdin.isatty():
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401  (what it does, `input` uses: editing, and recalling lines)
        return input

    def read(prompt: str) -> str:
        line = input(prompt)
        print(display.plain(line))
        return line

    return read


def _forgive_encodings() -> None:
    """Bytes that are no text, and letters that the terminal cannot show, become question marks, not errors."""
    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
