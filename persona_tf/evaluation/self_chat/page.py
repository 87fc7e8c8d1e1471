"""Self-chats as one readable page: HTML that needs no other file. Knows chats and figures, writes nothing."""

import html
from collections.abc import Iterator, Sequence

from persona_tf.chat.self_chat import Chat, Source
from persona_tf.episode import Character, Thing, Turn
from persona_tf.evaluation.self_chat.contradictions import Contradiction, Judgement
from persona_tf.evaluation.self_chat.figures import COLUMNS, Row

SHOWN_SOURCES = 3
"""So many of what a turn leant on stand below it; those above a hundredth are told when the mouse rests there."""

_STYLE = """
:root { color-scheme: light dark; --back: #fbfaf7; --ink: #22201c; --dim: #6b665c; --line: #dcd6c8;
  --a: #0b6e69; --a-back: #e2f1ef; --b: #94410d; --b-back: #f9ebdf; --wrong: #b00020; }
@media (prefers-color-scheme: dark) {
  :root { --back: #191816; --ink: #e9e5dc; --dim: #a09a8c; --line: #3b3832;
    --a: #6fd0c8; --a-back: #18302e; --b: #f0a878; --b-back: #38261a; --wrong: #ff8a94; } }
body { margin: 0 auto; max-width: 46rem; padding: 1rem; background: var(--back); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.2rem; } h2 { font-size: 1.05rem; margin: 2.5rem 0 .3rem; }
a { color: inherit; } .scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
details, .small { color: var(--dim); font-size: .85rem; } details ul { margin: .2rem 0; }
.turn { margin: .5rem 0; padding: .4rem .7rem; border-radius: .5rem; max-width: 85%; width: fit-content; }
.p0 { background: var(--a-back); } .p1 { background: var(--b-back); margin-left: auto; }
.p0 .name, .name.p0 { color: var(--a); } .p1 .name, .name.p1 { color: var(--b); }
.name { font-weight: 600; background: none; } .action { font-style: italic; } .wrong { color: var(--wrong); }
"""


def page(title: str, rows: Sequence[Row], chats: Sequence[Chat], judged: Sequence[Sequence[Judgement]]) -> str:
    """The whole page: figures, then each chat with place, characters, turns and what they leant on.

    Args:
      title: stands above all.
      rows: the figures.
      chats: the chats.
      judged: for each chat and turn; what contradicts the own persona is marked.
    """
    body = [f"<h1>{_text(title)}</h1>", *_figures(rows), *_contents(chats)]
    for number, (chat, found) in enumerate(zip(chats, judged, strict=True), 1):
        body += _chat(number, chat, found)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n" + "\n".join(body) + "\n</body>\n"
        "</html>\n"
    )


def _figures(rows: Sequence[Row]) -> Iterator[str]:
    head = "".join(f"<th>{name}</th>" for name in ("", *COLUMNS))
    yield f'<div class="scroll"><table><tr>{head}</tr>'
    for row in rows:
        yield f"<tr><td>{_text(row.name)}</td>{''.join(f'<td>{_text(cell)}</td>' for cell in row.cells())}</tr>"
    yield "</table></div>"


def _contents(chats: Sequence[Chat]) -> Iterator[str]:
    links = (f'<a href="#chat{number}">{_text(" and ".join(_names(chat)))}</a>' for number, chat in enumerate(chats, 1))
    yield f'<p class="small">{" · ".join(links)}</p>'


def _chat(number: int, chat: Chat, judged: Sequence[Judgement]) -> Iterator[str]:
    names = _names(chat)
    yield f'<h2 id="chat{number}">{number}. {_person(names, 0)} and {_person(names, 1)}</h2>'
    yield from _place(chat)
    for who, character in enumerate(chat.episode.characters):
        yield from _character(names, who, character)
    for turn, sources, one in zip(chat.episode.turns, chat.leant_on, judged, strict=True):
        yield from _turn(names, turn, sources, one.contradictions)


def _place(chat: Chat) -> Iterator[str]:
    setting = chat.episode.setting
    if setting is None:
        return
    name = f"{setting.name}, {setting.category}" if setting.category else setting.name
    yield f'<p class="small">{_text(name)}</p>'
    lines = [*setting.description, *map(_thing, setting.objects)]
    if setting.present:
        lines.append(f"also here: {', '.join(setting.present)}")
    yield from _list("the place", lines)


def _character(names: Sequence[str], who: int, character: Character) -> Iterator[str]:
    lines = [fact.text for fact in character.facts]
    for kind in ("carrying", "wearing", "wielding"):
        things = ", ".join(_thing(thing) for thing in getattr(character, kind))
        lines += [f"{kind}: {things}"] if things else []
    yield from _list(_person(names, who), lines)


def _list(summary: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        items = "".join(f"<li>{_text(line)}</li>" for line in lines)
        yield f"<details><summary>{summary}</summary><ul>{items}</ul></details>"


def _turn(names: Sequence[str], turn: Turn, sources: Sequence[Source], wrong: Sequence[Contradiction]) -> Iterator[str]:
    parts = [
        _text(turn.speech),
        f'<span class="action">*{_text(turn.action)}*</span>' if turn.action else "",
        f"({_text(turn.emote)})" if turn.emote else "",
    ]
    said = " ".join(part for part in parts if part) or "…"
    yield f'<div class="turn p{turn.speaker}"><span class="name">{_text(names[turn.speaker])}:</span> {said}'
    for one in wrong:
        yield f'<div class="small wrong">contradicts {_text(one.slot)}: {_text(one.own)}, not {_text(one.value)}</div>'
    if sources:
        told = [_source(source) for source in sources]
        every = "\n".join(line for line, source in zip(told, sources, strict=True) if source.share >= 0.01)
        yield f'<div class="small" title="{_text(every)}">{_text(" · ".join(told[:SHOWN_SOURCES]))}</div>'
    yield "</div>"


def _source(source: Source) -> str:
    kind, _, index = source.key.partition("/")
    where = f"turn {int(index) + 1}: " if kind == "turn" else ""
    return f"{source.share:.0%} {where}{source.text}"


def _names(chat: Chat) -> tuple[str, str]:
    first, second = (character.name for character in chat.episode.characters)
    return first or "one", second or "other"


def _person(names: Sequence[str], who: int) -> str:
    return f'<span class="name p{who}">{_text(names[who])}</span>'


def _thing(thing: Thing) -> str:
    return f"{thing.name}: {thing.description}" if thing.description else thing.name


def _text(text: str) -> str:
    """Text that is shown as it is, in an attribute too; characters that HTML forbids become blanks."""
    return html.escape("".join(c if c >= " " or c in "\n\t" else " " for c in text))
