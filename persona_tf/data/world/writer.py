"""Writing: turns a plan and a scene into words, actions, emotes, grounding and probes."""

import copy
import dataclasses
import functools
import re
from collections.abc import Iterable, Sequence

from persona_tf.data.world import chat, happenings, statements
from persona_tf.data.world.manners import events, temperaments
from persona_tf.data.world.noise import humanize
from persona_tf.data.world.personas import ALWAYS, Known
from persona_tf.data.world.plan import Exchange
from persona_tf.data.world.scene import Scene
from persona_tf.data.world.voice import Voice
from persona_tf.episode import Aside, Fact, Probe, Statement, Swap, Turn

MOST_ACTIONS = 20
"""Longest list of available actions that a turn shows."""

EASY = ("own_name", "partner_name", *ALWAYS)
"""Facts that every character has, learned long before the others."""

SELDOM = 0.15
"""How readily an aside asks for an easy fact, or for one that was asked for before, beside any other."""


class Writer:
    """Writes one dialogue turn by turn. ``turns`` is what was written so far."""

    def __init__(self, voice: Voice, scene: Scene) -> None:
        self.voice = voice
        self.scene = scene
        self.turns: list[Turn] = []
        self._temperament = temperaments()[scene.temperament]
        self._done: set[str] = set()
        self._asked: set[str] = set()
        self._said: set[str] = set()
        self._context = scene.context
        self._gifts: list[Known] = []
        self._told: list[Known] = []
        self._asked_aside: set[str] = set()
        self._states: list[Statement] = []

    def open(self) -> None:
        """The bot speaks first."""
        reaction = events()["opening"].reactions[self.scene.temperament]
        template = self.voice.one(reaction.reply)
        self._bot(template.format(**self._names()), reaction.emote, keys=self._manner_keys(template))

    def exchange(self, exchange: Exchange) -> None:
        """One turn of the human and the bot's reply."""
        before = self._before(exchange)
        if exchange.kind == "probe":
            self._probe(exchange, before)
        elif exchange.kind == "self_told" and exchange.tells:
            self._self_told(exchange.tells, before)
        elif exchange.kind == "small_talk" or self._chats(exchange):
            self._small_talk(before)
        else:
            self._event(exchange, before)

    def _chats(self, exchange: Exchange) -> bool:
        return exchange.kind == "free" and not exchange.tells and self.voice.chance(0.2)

    def aside(self, number: int) -> Aside:
        """What could be said next and answered, of which nothing stays; ``number`` seeds it."""
        branch = copy.copy(self)
        branch.voice = self.voice.apart(f"aside {number}")
        branch.scene = dataclasses.replace(self.scene, state=self.scene.state.copy())
        branch.turns, branch._gifts, branch._told, branch._states = [*self.turns], [*self._gifts], [*self._told], []
        branch._done, branch._said, branch._asked = {*self._done}, {*self._said}, self._asked | self._asked_aside
        branch.exchange(branch._another())
        said, answer = branch.turns[-2:]
        self._asked_aside |= branch._asked - self._asked
        # What only a test reads is left out; the value teaches the pointer.
        probe = answer.probe and Probe(answer.probe.source, answer.probe.slot, answer.probe.value)
        return Aside(len(self.turns), said, dataclasses.replace(answer, available_actions=(), probe=probe))

    def _another(self) -> Exchange:
        """An exchange that nobody planned: mostly a question."""
        voice, first = self.voice, not self.turns
        exchange = Exchange(len(self.turns), "free", greets=first and voice.chance(0.7))
        told = [*self._told, *self._gifts]
        kinds = (*Probe.SOURCES, "talk")
        [kind] = voice.rng.choices(kinds, voice.config.aside_weights)
        if kind == "talk":
            return exchange
        # As in `plan`: nobody begins with what cannot be known.
        possible = {
            "setting": True,
            "history": bool(told),
            "unanswerable": exchange.turn > 1 and self.scene.unknown(voice, self._not_unknown()) is not None,
        }
        source = kind if possible.get(kind) else "persona"
        asks = voice.one(told) if source == "history" else self._fact_aside() if source == "persona" else None
        return dataclasses.replace(exchange, kind="probe", source=source, asks=asks)

    def _fact_aside(self) -> Known:
        """A fact of the persona to ask for aside: the easy ones seldom, those asked for before less."""
        known = self.scene.known["persona"]
        seldom = {*EASY, *self._asked}
        return self.voice.rng.choices(known, [SELDOM if k.slot.name in seldom else 1.0 for k in known])[0]

    # -- the kinds of exchange --

    def _event(self, exchange: Exchange, before: list[str]) -> None:
        if exchange.kind in ("greeting", "farewell", "told"):
            happening = happenings.Happening(events()[exchange.kind], self._line(exchange.kind))
        else:
            happening = self._happen()
        line = self._stage(happening)
        self._human([line, *before] if exchange.kind == "greeting" else [*before, line], *self._deed(happening))
        template, emote, done = self._react(happening)
        keys = self._manner_keys(template)
        self._bot(template.format(**self._happening_names(happening)), emote, done, keys, colour="after")

    def _happen(self) -> happenings.Happening:
        """An event that can happen now and has not yet."""
        happening = happenings.choose(self.voice, self.scene.state, self.scene.bot, self._done)
        self._done.add(happening.event.name)
        return happening

    def _stage(self, happening: happenings.Happening) -> str:
        """The human's words on an event, as they are typed."""
        return self._typed(happening.line).format(**self._happening_names(happening))

    def _deed(self, happening: happenings.Happening) -> tuple[str, str]:
        """The human's action and emote on an event."""
        event = happening.event
        if event.name == "gift":
            self._gift(happening.thing)
        return event.human.format(**self._happening_names(happening)), event.human_emote

    def _react(self, happening: happenings.Happening) -> tuple[str, str, str]:
        """The bot's words (a template), emote and action on an event: by its temperament alone."""
        voice, scene, event = self.voice, self.scene, happening.event
        reaction = event.reactions[scene.temperament]
        replies = reaction.reply
        if event.name in chat.MEETING and voice.chance(0.5):
            replies = chat.meeting()[event.name].reply[scene.temperament]
        done = happenings.action(happening, reaction.action, scene.state, scene.bot)
        return voice.fresh(replies), reaction.emote, done

    def _happening_names(self, happening: happenings.Happening) -> dict[str, str]:
        return self._names(thing=happening.thing, box=happening.box)

    def _small_talk(self, before: list[str]) -> None:
        topic = chat.topics()[self.voice.fresh(tuple(chat.topics()))]
        line = self._typed(self.voice.question(topic.line)).format(**self._names())
        self._human([*before, line])
        template = self.voice.fresh(topic.reply[self.scene.temperament])
        emote = self._temperament.asked["small_talk"]
        self._bot(template.format(**self._names()), emote, keys=self._manner_keys(template), colour="after")

    def _self_told(self, tells: Known, before: list[str]) -> None:
        self._human([*before, self._typed(self.voice.question(tells.slot.prompt))])
        self.scene.values.setdefault(tells.slot.type, []).append(tells.value)
        reply = self.voice.telling(tells.slot.fact, tells.value).format(value=tells.value)
        self._state(tells)
        self._bot(reply, self._temperament.asked["self_told"])
        self._told.append(tells)

    def _probe(self, exchange: Exchange, before: list[str]) -> None:
        known = exchange.asks or self._choose_known(exchange.source)
        if known is None:
            self._unanswerable(before)
            return
        self._asked.add(known.slot.name)
        words = {"value": known.value, "who": known.who, "thing": known.thing}
        question = self._typed(self.voice.question(known.slot.question)).format(**words)
        reply = self.voice.telling(known.slot.answer, known.value).format(**words)
        source, keys, done, colour = known.slot.source, known.keys, "", "both"
        emote = self._temperament.asked[source]
        if not before and self.voice.chance(self.voice.config.eventful):
            happening = self._happen()
            self._human([self._stage(happening), question], *self._deed(happening))
            template, emote, done = self._react(happening)
            keys, colour = (*keys, *self._manner_keys(template)), ""
            reply = f"{template.format(**self._happening_names(happening))} {reply}"
        else:
            self._human([*before, question])
        decoys = tuple(v for v in self._rivals(known) if not mentions(reply, v))
        probe = Probe(source, known.slot.name, known.value, decoys, self._swap(known))
        self._state(known)
        self._bot(reply, emote, done, keys, probe, colour)

    def _unanswerable(self, before: list[str]) -> None:
        voice = self.voice
        unknown = self.scene.unknown(voice, self._not_unknown())
        if unknown is None:
            raise LookupError(
                "WorldConfig: no slot is left that nobody knows; name more slots, or ask fewer such questions"
            )
        slot, thing = unknown
        self._asked.add(slot.name)
        question = self._typed(voice.question(slot.question)).format(thing=thing)
        listed = voice.lexicon.every(slot.type)
        fresh = [v for v in dict.fromkeys(self.scene.values.get(slot.type, ())) if v not in listed]
        decoys = (*fresh, *listed) if fresh else listed
        reply = self._admit(decoys)
        self._human([*before, question])
        probe = Probe("unanswerable", slot.name, "", decoys)
        could_state = statements.made_up(voice, self.scene, slot, len(self.turns)) if voice.config.states else None
        self._bot(reply, self._temperament.asked["unanswerable"], probe=probe, colour="both", could_state=could_state)

    def _not_unknown(self) -> set[str]:
        """Slots that are no questions for what nobody knows: asked before, or told."""
        return self._asked | {known.slot.name for known in self._told}

    # -- parts of a turn --

    def _line(self, kind: str) -> str:
        """A line of the human to greet, to part, or none."""
        lines = events()[kind].lines
        if kind in chat.MEETING and self.voice.chance(0.5):
            return self.voice.question(chat.meeting()[kind].line)
        return self.voice.question(lines[""]) if lines else ""

    def _before(self, exchange: Exchange) -> list[str]:
        """What the human says before the point of its turn: a greeting, something about itself, a small word."""
        voice, scene, said = self.voice, self.scene, []
        if exchange.greets and exchange.kind != "greeting":
            said.append(self._typed(self._line("greeting")).format(**self._names()))
        if exchange.tells is not None and exchange.kind != "self_told":
            tells = exchange.tells
            said.append(self._typed(voice.telling(tells.slot.fact, tells.value)).format(value=tells.value))
            self._told.append(tells)
            self._state(tells)
            scene.values.setdefault(tells.slot.type, []).append(tells.value)
        elif exchange.kind == "probe" and exchange.source == "persona" and voice.chance(voice.config.own_telling):
            facts = [f for f in scene.human_facts if f.text not in self._said]
            if facts:
                fact = voice.one(facts)
                said.append(fact.text)
                self._said.add(fact.text)
                if fact.slot:
                    self._state(Known(voice.lexicon.slots[fact.slot], fact.value, ()), 1 - scene.bot)
        if exchange.kind == "probe" and voice.chance(0.25):
            said.append(self._typed(voice.question(chat.leads())))
        return said

    def _human(self, said: Sequence[str], deed: str = "", emote: str = "") -> None:
        """Writes a turn of the human and does what it does."""
        human = 1 - self.scene.bot
        speech = " ".join(s for s in said if s)
        if speech.endswith(".") and self.voice.chance(0.15):
            speech = speech[:-1]
        if deed:
            self.scene.state.apply(human, deed)
        self.turns.append(Turn(human, speech, deed, emote, states=self._stated()))
        self._context += f"\n{speech} {deed}"

    def _bot(
        self,
        reply: str,
        emote: str,
        action: str = "",
        keys: Sequence[str] = (),
        probe: Probe | None = None,
        colour: str = "",
        could_state: Fact | None = None,
    ) -> None:
        """Writes a turn of the bot, a target, and does what it does."""
        scene, voice = self.scene, self.voice
        if colour and voice.chance(voice.config.coloured):
            reply = self._coloured(reply, colour, probe.decoys if probe else ())
        available = scene.state.available(scene.bot)
        voice.rng.shuffle(available)
        if len(available) > MOST_ACTIONS:
            available = available[:MOST_ACTIONS]
            if action and action not in available:
                available[voice.rng.randrange(MOST_ACTIONS)] = action
        if action:
            scene.state.apply(scene.bot, action)
        turn = Turn(scene.bot, reply, action, emote, tuple(available), grounding=tuple(keys), probe=probe)
        self.turns.append(dataclasses.replace(turn, states=self._stated(), could_state=could_state))
        self._context += f"\n{reply} {action}"

    def _coloured(self, reply: str, colour: str, decoys: Iterable[str]) -> str:
        """Adds a sentence in the bot's manner, before or after, unless it mentions a decoy."""
        before = colour == "both" and self.voice.chance(0.4)
        extra = self.voice.fresh(self._temperament.before if before else self._temperament.after)
        if any(mentions(extra, decoy) for decoy in decoys):
            return reply
        return f"{extra} {reply}" if before else f"{reply} {extra}"

    def _typed(self, template: str) -> str:
        return humanize(template, self.voice.rng, self.voice.config.typos, self.voice.config.lower_case)

    def _names(self, **more: str) -> dict[str, str]:
        """What fills the placeholders of lines and replies."""
        scene = self.scene
        thing = more.get("thing", "")
        full = scene.full_names.get(thing, thing)
        return {
            "partner": scene.state.names[1 - scene.bot],
            "self": scene.state.names[scene.bot],
            "a_thing": full,
            "A_thing": full[:1].upper() + full[1:],
            **more,
        }

    def _manner_keys(self, template: str) -> list[str]:
        """What a reply in character draws on: the temperament, and whom and what its words name."""
        keys = [self.scene.temperament_key]
        if "{partner}" in template:
            keys.append("partner_name/0")
        if "thing}" in template:
            keys.append(f"turn/{len(self.turns) - 1}")
        return keys

    def _gift(self, thing: str) -> None:
        """Notes a gift, which can be asked for later."""
        gift = Known(chat.slots()["gift_given"], thing, (f"turn/{len(self.turns)}",))
        self._gifts.append(gift)
        self._state(gift)

    def _state(self, known: Known, owner: int | None = None) -> None:
        """Notes what the turn that comes next states; of whom, its slot says where it is not given."""
        if self.voice.config.states:
            owner = statements.owner_of(known.slot, self.scene.bot) if owner is None else owner
            self._states.append(Statement(owner, statements.plain(known)))

    def _stated(self) -> tuple[Statement, ...]:
        """What was noted, which is forgotten then."""
        states, self._states = tuple(self._states), []
        return states

    def _choose_known(self, source: str) -> Known | None:
        """Something of `source` to ask for, rather one with rivals; None to ask what nobody knows."""
        if source == "unanswerable":
            return None
        voice, known = self.voice, [k for k in self.scene.known[source] if k.slot.name not in self._asked]
        if source == "persona" and self._gifts and voice.chance(0.3):
            return self._gifts.pop()
        if not known:
            known = list(self.scene.known[source])
        return voice.in_turn(known, [self._weight(k) for k in known])[0]

    def _weight(self, known: Known) -> float:
        """How readily something is asked, so that all slots are about as often: what has rivals rather than not."""
        slot, needed = known.slot, {k.slot.needs for k in self.scene.known["persona"]}
        weight = (0.25, 0.6, 1.0)[min(len(self._rivals(known)), 2)]
        if slot.name in EASY:
            return 0.3 * weight
        if slot.name in needed:
            return 0.5 * weight
        return 2 * weight if slot.needs else weight

    def _rivals(self, known: Known) -> list[str]:
        """The other values of its type that stand somewhere in the context, each once."""
        value = known.value.lower()
        others = dict.fromkeys(self.scene.values.get(known.slot.type, ()))
        return [v for v in others if v.lower() not in value and value not in v.lower()]

    def _swap(self, known: Known) -> Swap | None:
        """Another value for the item that holds the answer, if nothing else in the context mentions it."""
        key = known.keys[-1]
        kind, _, at = key.partition("/")
        text = self.turns[int(at)].speech if kind == "turn" else known.text
        if text.count(known.value) != 1 or self._context.count(known.value) != 1:
            return None
        value = self.voice.value(known.slot.type)
        if value.lower() in self._context.lower():
            return None
        return Swap(key, text.replace(known.value, value), value)

    def _admit(self, decoys: Sequence[str]) -> str:
        """Words that admit, or dodge by temperament, and assert nothing."""
        admits = chat.admits()[self.scene.temperament]
        while True:
            reply = self.voice.phrase(admits).format(**self._names())
            if not any(mentions(reply, decoy) for decoy in decoys):
                return reply


def mentions(text: str, value: str) -> bool:
    """True if `value` stands in `text` as whole words, whatever the case.

    >>> mentions("The tailor left.", "Tailor"), mentions("A tailored coat.", "tailor")
    (True, False)
    """
    return _words(value) in _words(text)


@functools.lru_cache(maxsize=50_000)
def _words(text: str) -> str:
    return " ".join(("", *re.findall(r"\w+", text.lower()), ""))
