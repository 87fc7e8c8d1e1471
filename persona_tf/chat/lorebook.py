"""A lorebook: what is known of a world, each entry under keys, and told while its keys are talked of.

After character_book of V2 and Lorebook of V3 (see `card`), with those of SillyTavern's extensions that say which
entries are found: ``selectiveLogic``, ``match_whole_words``, ``scan_depth``, ``case_sensitive``,
``exclude_recursion``, ``prevent_recursion``. Decorators of V3 (lines that begin with @@) are taken off an entry's
text and kept, not followed. Where an entry would stand in a prompt (``position``) means nothing here: there is none.
"""

import dataclasses
import functools
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import re2

from persona_tf.chat.card_fields import flag_of, kind, number_of, optional, strings_of, text_of
from persona_tf.learner import CHARACTERS_A_TOKEN

SCAN_DEPTH = 4
"""Turns that are looked through where the book does not say how many: two of each."""

MAX_ENTRIES = 2000
MAX_SCANNED = 20_000
"""Most characters that are looked through of a turn, and of what entries add: the last ones."""

MAX_ROUNDS = 8
"""How often what was found may find more."""

PATTERN_SECONDS = 0.25
"""What all patterns together may take, each time; those that come later are not found."""

_PATTERN_BYTES = 1 << 20
_PATTERN_SCANNED = 4000
_PATTERN = re.compile(r"/(.*)/([a-z]*)", re.DOTALL)
_ANY, _NOT_ALL, _NONE, _ALL = range(4)


@dataclasses.dataclass(frozen=True)
class LoreEntry:
    """What is told (``content``, without ``decorators``), and when.

    ``logic``: what the secondary keys of a ``selective`` entry decide: 0: one of them must be there as well, 1: not
    all of them, 2: none, 3: all. ``scan_depth`` and ``case_sensitive``: None is as the book has it, and False.
    ``priority``: what is lowest is left out first; None is by ``order``. ``number``: its place in the book.
    """

    number: int
    content: str
    keys: tuple[str, ...] = ()
    secondary_keys: tuple[str, ...] = ()
    enabled: bool = True
    constant: bool = False
    selective: bool = False
    logic: int = _ANY
    case_sensitive: bool = False
    whole_words: bool = False
    use_regex: bool = False
    order: float = 0
    priority: float | None = None
    scan_depth: int | None = None
    is_found_by_others: bool = True
    finds_others: bool = True
    decorators: tuple[str, ...] = ()
    name: str = ""


@dataclasses.dataclass(frozen=True)
class Lorebook:
    """Entries, and how they are found; None is not said. Tokens are those of ``active``'s ``count``."""

    entries: tuple[LoreEntry, ...] = ()
    scan_depth: int | None = None
    token_budget: int | None = None
    recursive: bool = False

    @classmethod
    def from_json(cls, book: Mapping[str, Any]) -> "Lorebook":
        """A card's character_book.

        Raises:
          ValueError: something in it is of another type, or there are more than `MAX_ENTRIES` entries; the message
            names the field.
        """
        where = "character_book."
        entries = optional(book, "entries", list, where) or []
        if len(entries) > MAX_ENTRIES:
            raise ValueError(f"{where}entries: expected at most {MAX_ENTRIES:,}, got {len(entries):,}: leave some out")
        return cls(
            tuple(_entry(number, entry, f"{where}entries[{number}]") for number, entry in enumerate(entries)),
            _whole(book, "scan_depth", where),
            _whole(book, "token_budget", where),
            flag_of(book, "recursive_scanning", where),
        )

    def map(self, fill: Callable[[str], str]) -> "Lorebook":
        """The book with ``fill`` applied to what is told, and to keys that are no patterns."""
        return dataclasses.replace(self, entries=tuple(_mapped(entry, fill) for entry in self.entries))

    def active(
        self, history: Sequence[str], count: Callable[[str], float] = lambda text: len(text) / CHARACTERS_A_TOKEN
    ) -> tuple[LoreEntry, ...]:
        """The entries that are to be told after these turns, lowest ``order`` first.

        An entry is found where one of its keys occurs in one of the last ``scan_depth`` texts; what is constant always
        is. Where the book is recursive, what was found finds more. What exceeds the token budget is left out, lowest
        priority first.

        Args:
          history: the texts of the turns, oldest first.
          count: tokens of a text; by default an estimate.
        """
        search = _Search([text[-MAX_SCANNED:] for text in history])
        found: dict[int, LoreEntry] = {}
        for turn in range(MAX_ROUNDS if self.recursive else 1):
            new = [e for e in self.entries if e.number not in found and self._finds(e, search, recursing=turn > 0)]
            found |= {entry.number: entry for entry in new}
            more = "\n".join(entry.content for entry in new if entry.finds_others)
            if not more:
                break
            search.add(more)
        return self._within_budget(sorted(found.values(), key=lambda entry: (entry.order, entry.number)), count)

    def _finds(self, entry: LoreEntry, search: "_Search", recursing: bool) -> bool:
        if not entry.enabled or not entry.content:
            return False
        if entry.constant:
            return True
        if recursing and not entry.is_found_by_others:
            return False
        depth = next((d for d in (entry.scan_depth, self.scan_depth) if d is not None), SCAN_DEPTH)
        there = search.of(entry, depth)
        return any(map(there, entry.keys)) and _selected(entry, there)

    def _within_budget(self, entries: Sequence[LoreEntry], count: Callable[[str], float]) -> tuple[LoreEntry, ...]:
        if self.token_budget is None:
            return tuple(entries)
        used, kept = 0.0, set()
        # In vain it would leave out a dear one and keep cheap ones of less priority behind it.
        for entry in sorted(entries, key=lambda e: (-_priority(e), e.order, e.number)):
            used += count(entry.content)
            if used > self.token_budget:
                break
            kept.add(entry.number)
        return tuple(entry for entry in entries if entry.number in kept)


class _Search:
    """Looks for keys in texts. Patterns have a common time: those that are left when it is over are not found."""

    def __init__(self, texts: list[str]):
        self._texts = [_both(text) for text in texts]
        self._added: list[tuple[str, str]] = []
        self._left_s = PATTERN_SECONDS

    def add(self, text: str) -> None:
        """What was found, and is looked through whatever the depth."""
        joined = "\n".join([*(one for one, _ in self._added), text])[-MAX_SCANNED:]
        self._added = [_both(joined)]

    def of(self, entry: LoreEntry, depth: int) -> Callable[[str], bool]:
        """Whether a key occurs where the entry looks for it."""
        texts = [*(self._texts[-depth:] if depth else []), *self._added]
        which = 0 if entry.case_sensitive else 1

        def there(key: str) -> bool:
            if not key.strip():
                return False
            if entry.use_regex:
                return self._matches(key, entry.case_sensitive, [text for text, _ in texts])
            wanted = key.strip() if entry.case_sensitive else key.strip().casefold()
            return any(_occurs(wanted, text[which], entry.whole_words) for text in texts)

        return there

    def _matches(self, key: str, case_sensitive: bool, texts: Sequence[str]) -> bool:
        pattern = _compiled(key, case_sensitive)
        for text in texts if pattern else ():
            start = time.monotonic()
            if self._left_s > 0 and pattern.search(text[-_PATTERN_SCANNED:]):
                return True
            self._left_s -= time.monotonic() - start
        return False


@functools.lru_cache(MAX_ENTRIES)
def _compiled(key: str, case_sensitive: bool) -> Any:
    """A pattern as V3 has it, ``/red (tower|keep)s?/i`` or without the slashes, or None where it is none.

    By RE2, which takes time in proportion to the text, and little memory, whatever the pattern is: that of a card may
    mean harm. It knows no look-around and no references back.
    """
    written = _PATTERN.fullmatch(key)
    source, letters = written.groups() if written else (key, "" if case_sensitive else "i")
    flags = "".join(letter for letter in "ims" if letter in letters)
    options = re2.Options()
    options.max_mem, options.log_errors = _PATTERN_BYTES, False
    try:
        return re2.compile(f"(?{flags}){source}" if flags else source, options)
    except (re2.error, UnicodeEncodeError):
        return None


def _both(text: str) -> tuple[str, str]:
    """The text, and without what is large and small in it; half of a pair of surrogates is no text."""
    text = text.encode("utf-8", "replace").decode()
    return text, text.casefold()


def _occurs(key: str, text: str, whole_words: bool) -> bool:
    at = text.find(key)
    while whole_words and at >= 0:
        around = text[at - 1 : at] + text[at + len(key) : at + len(key) + 1]
        if not any(map(str.isalnum, around)):
            return True
        at = text.find(key, at + 1)
    return at >= 0


def _selected(entry: LoreEntry, there: Callable[[str], bool]) -> bool:
    """What the secondary keys say."""
    keys = [key for key in entry.secondary_keys if key.strip()]
    if not entry.selective or not keys:
        return True
    found = [there(key) for key in keys]
    return (any(found), not all(found), not any(found), all(found))[entry.logic]


def _priority(entry: LoreEntry) -> float:
    return entry.order if entry.priority is None else entry.priority


def _entry(number: int, data: Any, where: str) -> LoreEntry:
    if not isinstance(data, dict):
        raise ValueError(f"{where}: expected an object, got {kind(data)}. Correct it in the program that wrote it")
    where = f"{where}."
    more = optional(data, "extensions", dict, where) or {}
    within = f"{where}extensions."
    use_regex = flag_of(data, "use_regex", where)
    decorators, content = _decorated(text_of(data, "content", where))
    logic = number_of(more, "selectiveLogic", within) or 0
    return LoreEntry(
        number=number,
        content=content,
        keys=strings_of(data, "keys", where),
        secondary_keys=_secondary(data, where),
        enabled=flag_of(data, "enabled", where, default=True),
        constant=flag_of(data, "constant", where),
        # V3 has no secondary keys where keys are patterns; SillyTavern has, and says of all its keys that they may be.
        selective=flag_of(data, "selective", where) and (not use_regex or "selectiveLogic" in more),
        logic=int(logic) if logic in range(4) else _ANY,
        case_sensitive=flag_of(data, "case_sensitive", where, flag_of(more, "case_sensitive", within)),
        whole_words=flag_of(more, "match_whole_words", within),
        use_regex=use_regex,
        order=number_of(data, "insertion_order", where) or 0,
        priority=number_of(data, "priority", where),
        scan_depth=_whole(more, "scan_depth", within),
        is_found_by_others=not flag_of(more, "exclude_recursion", within),
        finds_others=not flag_of(more, "prevent_recursion", within),
        decorators=decorators,
        name=text_of(data, "name", where) or text_of(data, "comment", where),
    )


def _secondary(data: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """A list, or as V3 also has it, a text with commas."""
    keys = data.get("secondary_keys")
    return tuple(keys.split(",")) if isinstance(keys, str) else strings_of(data, "secondary_keys", where)


def _decorated(content: str) -> tuple[tuple[str, ...], str]:
    """The decorators at the beginning, and what follows them."""
    lines = content.strip().splitlines()
    count = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("@@")), len(lines))
    return tuple(line.strip() for line in lines[:count] if line.strip()), "\n".join(lines[count:])


def _whole(data: Mapping[str, Any], name: str, where: str) -> int | None:
    value = number_of(data, name, where)
    return None if value is None else max(int(value), 0)


def _mapped(entry: LoreEntry, fill: Callable[[str], str]) -> LoreEntry:
    keys = entry.keys if entry.use_regex else tuple(map(fill, entry.keys))
    secondary = entry.secondary_keys if entry.use_regex else tuple(map(fill, entry.secondary_keys))
    return dataclasses.replace(entry, content=fill(entry.content), keys=keys, secondary_keys=secondary)
