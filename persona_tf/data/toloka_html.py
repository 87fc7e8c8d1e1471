"""The HTML in Toloka Persona Chat Rus -> facts and messages. Knows single cells of the tables, no files."""

import dataclasses
import re
from collections.abc import Callable
from html.parser import HTMLParser

_CLASS = re.compile(r"participant_([12])\Z")
_SAID_BY = re.compile(r"\A\s*Пользователь\s*[12]\s*:")
_LINE_ENDS = ("br", "p", "div", "li")


@dataclasses.dataclass(frozen=True)
class Message:
    """What one participant, 0 or 1, wrote at once. ``gold``: indices of own facts that it uses; None: not known."""

    speaker: int
    text: str
    gold: tuple[int, ...] | None = None


def html_facts(cell: str) -> tuple[str, ...]:
    """The facts of a profile: its lines, whatever they stand in; empty ones are left out.

    >>> html_facts("<span class=participant_1>Я врач.<br />Люблю чай &amp; кофе.<br /></span>")
    ('Я врач.', 'Люблю чай & кофе.')
    """
    facts = (_one_line(line) for span in _spans(cell) for line in span.lines)
    return tuple(fact for fact in facts if fact)


def html_messages(cell: str, bad: Callable[[str], None]) -> tuple[Message, ...]:
    """The messages of a dialogue: one a span of a participant, without "Пользователь 1:"; empty ones are left out.

    Inside another, a span of a participant is a message of its own; any other span belongs to what it stands in.

    Args:
      cell: HTML.
      bad: receives what stands in no participant's span, and is left out.

    >>> html_messages("<span class=participant_2>Пользователь 2: Привет!<br />Как дела?<br /></span>", print)
    (Message(speaker=1, text='Привет! Как дела?', gold=None),)
    """
    messages = []
    for span in _spans(cell):
        text = _one_line(" ".join(_SAID_BY.sub("", line, count=1) for line in span.lines))
        if text and span.participant is None:
            bad(f"{text[:40]!r} stands in no <span class=participant_1> or _2")
        elif text:
            messages.append(Message(span.participant or 0, text))
    return tuple(messages)


@dataclasses.dataclass
class _Span:
    """Text that belongs together; ``participant`` is 0, 1 or, outside of all spans, None."""

    participant: int | None
    lines: list[str]


class _Reader(HTMLParser):
    """Cuts a cell into spans. What is open at the end is closed; what is closed and was not open is nothing."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.spans = [_Span(None, [""])]
        self._open: list[tuple[int | None, bool]] = []  # open spans: whose text is in it, and whether it says so itself

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A span may change who speaks; a line may end."""
        if tag in _LINE_ENDS:
            self.spans[-1].lines.append("")
        elif tag == "span":
            match = _CLASS.match((dict(attrs).get("class") or "").strip())
            self._open.append((int(match[1]) - 1 if match else self._who(), match is not None))
            if match:
                self.spans.append(_Span(self._who(), [""]))

    def handle_endtag(self, tag: str) -> None:
        """After a span of a participant, what it stood in goes on."""
        if tag == "span" and self._open and self._open.pop()[1]:
            self.spans.append(_Span(self._who(), [""]))

    def handle_data(self, data: str) -> None:
        """Text, its entities already resolved."""
        self.spans[-1].lines[-1] += data

    def _who(self) -> int | None:
        return self._open[-1][0] if self._open else None


def _spans(cell: str) -> list[_Span]:
    reader = _Reader()
    reader.feed(cell)
    reader.close()
    return reader.spans


def _one_line(text: str) -> str:
    return " ".join(text.split())
