"""PersonaChat / ConvAI2 text -> Episode.

Zhang et al. 2018, arXiv 1801.07243; Dinan et al. 2019, arXiv 1902.00098.
One line a pair of turns, numbered from 1 in each dialogue, persona lines first:

    1 your persona: i read twenty books a year.
    2 partner's persona: horror movies are my favorites.
    3 hello what are doing today ?<TAB>i am good .<TAB><TAB>cand a|cand b

Speaker 0 is the partner, speaker 1 ("your persona") the bot; there is no setting, and nobody has a name.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from persona_tf.data.errors import DataError, MissingFileError
from persona_tf.data.gold_knowledge import with_gold_knowledge
from persona_tf.data.skips import Skips
from persona_tf.data.source_file import DATA_DIR_VARIABLE, SourceFile
from persona_tf.data.stated_facts import with_stated_facts
from persona_tf.data.text_lines import text_lines
from persona_tf.episode import Character, Episode, Fact, Turn

SPLITS = ("train", "valid")
PERSONAS = ("self", "both")
VERSIONS = ("original", "revised")
SILENCE = "__SILENCE__"
"""Stands for the partner's turn where the bot opens the dialogue."""

ARCHIVE = SourceFile(
    "convai2/convai2_fix_723.tgz",
    "http://parl.ai/downloads/convai2/convai2_fix_723.tgz",
    "d0ae89defe2fd0b0a4221eaa642a457d7d40cef475f54798119c7f3b8dd9361d",
)
"""The archive that holds the text files."""

_NUMBERED = re.compile(r"\s*(\d{1,9}) (.*)\Z", re.DOTALL)
_OWN, _PARTNERS = "your persona:", "partner's persona:"


def read_convai2(
    split: str,
    data_dir: Path,
    *,
    persona: str = "self",
    version: str = "original",
    candidates: bool | None = None,
    learners: Sequence[int] = (1,),
    grounding: bool = False,
    states: bool = False,
    skips: Skips | None = None,
) -> Iterator[Episode]:
    """Reads ``DATA_DIR/convai2/{split}_{persona}_{version}[_no_cands].txt``.

    Args:
      split: ``train`` or ``valid``.
      data_dir: holds ``convai2/``.
      persona: ``self`` has the bot's persona alone, ``both`` also the partner's.
      version: ``original`` facts, or ``revised`` ones (the same in other words).
      candidates: True takes the file with candidates, False the one without, None whichever is there.
      learners: speakers whose turns are targets; (0, 1) makes sense with ``both`` personas.
      grounding: whether turns get the facts that they use, as `gold_knowledge` tells them; the files do not say.
      states: whether turns state the facts that they use (`Turn.states`); needs grounding.
      skips: receives bad lines; without it they are logged.

    Raises:
      MissingFileError, DataError: the file is missing, or holds no dialogue.
    """
    if not isinstance(learners, (list, tuple)) or not learners or not set(map(repr, learners)) <= {"0", "1"}:
        raise DataError(f"convai2: learners must be (0,), (1,) or (0, 1), got {learners!r}")
    if not isinstance(grounding, bool):
        raise DataError(f"convai2: grounding must be True or False, got {grounding!r}")
    if states not in (True, False) or (states and not grounding):
        raise DataError(f"convai2: states must be False, or True with grounding, got {states!r}")
    own_skips = Skips() if skips is None else skips
    path = convai2_path(data_dir, split, persona, version, candidates)
    read = 0
    for episode in parse_convai2(path, own_skips, f"{split}_{persona}_{version}", tuple(learners)):
        episode = with_gold_knowledge(episode, "en") if grounding else episode
        yield with_stated_facts(episode) if states else episode
        read += 1
    if not read:
        raise DataError(
            f"{path}: no dialogue in ConvAI2's numbered format. Move it away. {ARCHIVE.how_to_get(data_dir)}\n"
            f"{own_skips.report()}".rstrip()
        )
    if skips is None:
        own_skips.log()


def convai2_path(data_dir: Path, split: str, persona: str, version: str, candidates: bool | None = None) -> Path:
    """The file of that kind which is there.

    Raises:
      DataError: an unknown split, persona, version or value of ``candidates``.
      MissingFileError: none is there.
    """
    asked = {"split": (split, SPLITS), "persona": (persona, PERSONAS), "version": (version, VERSIONS)}
    for name, (value, known) in asked.items():
        if value not in known:
            raise DataError(f"convai2: {name} must be one of {known}, got {value!r}")
    if candidates not in (None, True, False):
        raise DataError(f"convai2: candidates must be True, False or None, got {candidates!r}")
    endings = {None: ("_no_cands.txt", ".txt"), True: (".txt",), False: ("_no_cands.txt",)}[candidates]
    paths = [data_dir / "convai2" / f"{split}_{persona}_{version}{ending}" for ending in endings]
    for path in paths:
        if path.is_file():
            return path
    raise MissingFileError(
        f"{' and '.join(str(path) for path in paths)}: missing. Run `persona_tf data prepare convai2`, "
        f"or fetch {ARCHIVE.url} (SHA-256 {ARCHIVE.sha256}) and unpack its text files "
        f"into {data_dir / 'convai2'}. Another folder: --data_dir or {DATA_DIR_VARIABLE}."
    )


def parse_convai2(path: Path, skips: Skips, name: str = "", learners: tuple[int, ...] = (1,)) -> Iterator[Episode]:
    """The dialogues of one file, with ids ``convai2/name/0`` and so on.

    A bad line is counted in ``skips`` and left out; the dialogue goes on after it.
    """
    dialogue = _Dialogue()
    last, number = 0, 0
    for line_number, line in text_lines(path, skips):
        where = f"{path}:{line_number}"
        match = _NUMBERED.match(line)
        if match is None:
            skips.add(where, f"expected a number, a space and text, found {line[:40]!r}")
            continue
        # Numbers start again with each dialogue; "not larger" also holds where its first line was bad.
        if int(match[1]) <= last and (dialogue.turns or any(dialogue.facts)):
            yield from dialogue.episodes(f"convai2/{name}/{number}", learners, skips, where)
            dialogue, number = _Dialogue(), number + 1
        last = int(match[1])
        dialogue.add(match[2], where, skips)
    yield from dialogue.episodes(f"convai2/{name}/{number}", learners, skips, f"{path} end")


class _Dialogue:
    """What has been read of one dialogue so far."""

    def __init__(self) -> None:
        self.facts: tuple[list[Fact], list[Fact]] = ([], [])
        self.turns: list[Turn] = []

    def add(self, text: str, where: str, skips: Skips) -> None:
        for speaker, mark in ((1, _OWN), (0, _PARTNERS)):
            if text.startswith(mark):
                if fact := text.removeprefix(mark).strip():
                    self.facts[speaker].append(Fact(fact))
                return
        partner, tab, rest = text.partition("\t")
        if not tab:
            skips.add(where, f"no tab between the partner's words and the reply in {text[:40]!r}")
            return
        reply, *more = rest.split("\t")
        # A reward, always empty, stands between reply and candidates.
        candidates = tuple(c.strip() for c in more[1].split("|") if c.strip()) if len(more) > 1 else ()
        if partner.strip() not in ("", SILENCE):
            self.turns.append(Turn(0, partner.strip()))
        if reply.strip():
            self.turns.append(Turn(1, reply.strip(), candidates=candidates))

    def episodes(self, id: str, learners: tuple[int, ...], skips: Skips, where: str) -> Iterable[Episode]:
        """The dialogue as an episode, or nothing when no turn of it could be read."""
        if not self.turns:
            if self.facts[0] or self.facts[1]:
                skips.add(where, "the dialogue before this line has facts and no turn")
            return ()
        characters = (Character("", tuple(self.facts[0])), Character("", tuple(self.facts[1])))
        return (Episode(id, "convai2", None, characters, tuple(self.turns), learners),)
