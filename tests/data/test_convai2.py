import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from persona_tf.data.convai2 import parse_convai2, read_convai2
from persona_tf.data.errors import DataError, MissingFileError
from persona_tf.data.skips import Skips
from persona_tf.episode import Character, Episode, Fact, Turn

TWO = """\
1 your persona: i read.
2 your persona: i bake.
3 partner's persona: i hunt.
4 hi there !\thello .\t\tno .|hello .
5 bye .\tsee you .
1 your persona: i sing.
2 __SILENCE__\tgood day .
3 and you ?\ti am well .
"""


def parse(tmp_path, content):
    path = tmp_path / "x.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    skips = Skips()
    return list(parse_convai2(path, skips, "x")), skips


def test_two_dialogues_word_for_word(tmp_path):
    episodes, skips = parse(tmp_path, TWO)
    assert episodes == [
        Episode(
            "convai2/x/0",
            "convai2",
            None,
            (Character("", (Fact("i hunt."),)), Character("", (Fact("i read."), Fact("i bake.")))),
            (
                Turn(0, "hi there !"),
                Turn(1, "hello .", candidates=("no .", "hello .")),
                Turn(0, "bye ."),
                Turn(1, "see you ."),
            ),
            (1,),
        ),
        Episode(
            "convai2/x/1",
            "convai2",
            None,
            (Character(""), Character("", (Fact("i sing."),))),
            (Turn(1, "good day ."), Turn(0, "and you ?"), Turn(1, "i am well .")),
            (1,),
        ),
    ]
    assert skips.count == 0


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n\n"])
def test_line_ends_make_no_difference(tmp_path, end):
    expected, _ = parse(tmp_path, TWO)
    mixed = "\ufeff" + TWO.replace("\n", end, 4)
    assert parse(tmp_path, mixed)[0] == expected


def test_bad_lines_are_counted_and_the_dialogue_goes_on(tmp_path):
    good = (b"1 your persona: i read.\n", b"4 a\tb\n", b"2 c\td\n")
    bad = (b"no number\n2 no tab\n3 caf\xe9\tyes\n", b"x your persona: lost\n")
    content = good[0] + bad[0] + good[1] + bad[1] + good[2]
    episodes, skips = parse(tmp_path, content)
    assert [e.turns for e in episodes] == [(Turn(0, "a"), Turn(1, "b")), (Turn(0, "c"), Turn(1, "d"))]
    assert skips.count == 4
    for part in ("x.txt:2: expected a number", "x.txt:3: no tab", "x.txt:4: no UTF-8 at byte 5", "x.txt:6:"):
        assert part in skips.report()


def test_dialogues_without_persona_with_one_turn_and_without_any(tmp_path):
    episodes, skips = parse(tmp_path, "1 hi\tho\n1 your persona: alone.\n1 your persona: i.\n2 only me\t\n")
    assert [e.turns for e in episodes] == [(Turn(0, "hi"), Turn(1, "ho")), (Turn(0, "only me"),)]
    assert skips.report().endswith("x.txt:3: the dialogue before this line has facts and no turn")


def test_a_very_long_sentence(tmp_path):
    (episode,), _ = parse(tmp_path, "1 " + "word " * 20_000 + "\t" + "x" * 100_000 + "\n")
    assert len(episode.turns[1].speech) == 100_000


def test_turns_say_which_facts_they_use_when_asked(tmp_path):
    folder = tmp_path / "convai2"
    folder.mkdir()
    (folder / "valid_both_original.txt").write_text(
        "1 your persona: i have two dogs .\n2 your persona: i sing in a choir .\n3 partner's persona: i bake bread .\n"
        "4 do you own a dog ? i bake .\tmy dogs bark when i sing .\n",
        encoding="utf-8",
    )
    options = {"persona": "both", "learners": (0, 1)}
    (plain,) = read_convai2("valid", tmp_path, **options)
    (episode,) = read_convai2("valid", tmp_path, grounding=True, **options)
    assert [turn.grounding for turn in plain.turns] == [(), ()]
    assert [turn.grounding for turn in episode.turns] == [("persona/0",), ("persona/0", "persona/1")]
    (stating,) = read_convai2("valid", tmp_path, grounding=True, states=True, **options)
    facts = [episode.characters[turn.speaker].facts for turn in episode.turns]
    used = [[int(key[8:]) for key in turn.grounding] for turn in episode.turns]
    assert [[s.fact for s in turn.states] for turn in stating.turns] == [
        [own[index] for index in indices] for own, indices in zip(facts, used, strict=True)
    ]
    assert all(state.owner == turn.speaker for turn in stating.turns for state in turn.states)
    with pytest.raises(DataError, match="True with grounding"):
        next(read_convai2("valid", tmp_path, states=True, **options))
    with pytest.raises(DataError, match="grounding must be True or False, got 'made'"):
        next(read_convai2("valid", tmp_path, grounding="made", **options))


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\t|", exclude_categories=["Cs"]), min_size=1)
CLEAN = TEXT.map(str.strip).filter(lambda t: t and t != "__SILENCE__" and "persona:" not in t)


@given(st.lists(st.lists(st.tuples(CLEAN, CLEAN), min_size=1, max_size=4), min_size=1, max_size=4))
def test_what_is_written_is_read(tmp_path_factory, dialogues):
    lines = [f"{i} {a}\t{b}\n" for d in dialogues for i, (a, b) in enumerate(d, 1)]
    episodes, skips = parse(tmp_path_factory.mktemp("c"), "".join(lines))
    assert skips.count == 0
    said = [[turn.speech for turn in e.turns] for e in episodes]
    assert said == [[text for pair in d for text in pair] for d in dialogues]


@given(st.binary(max_size=200))
@example(b"\x1c")
@example(b"\xef\xbb\xbf")
def test_any_bytes_become_whole_dialogues_or_skips(tmp_path_factory, content):
    episodes, skips = parse(tmp_path_factory.mktemp("b"), content)
    assert all(episode.turns for episode in episodes)
    # A blank line is one that str.strip empties: it takes U+001C to U+001F for blanks, bytes.strip does not.
    assert episodes or skips.count or not content.decode("utf-8-sig", errors="replace").strip()


def test_the_file_that_is_there_is_taken(tmp_path):
    folder = tmp_path / "convai2"
    folder.mkdir()
    with pytest.raises(MissingFileError, match=r"valid_self_original.*convai2_fix_723\.tgz \(SHA-256 d0ae89d"):
        next(read_convai2("valid", tmp_path))
    (folder / "valid_self_original.txt").write_text(TWO, encoding="utf-8")
    episodes = list(read_convai2("valid", tmp_path, learners=[0, 1]))
    assert [e.id for e in episodes] == ["convai2/valid_self_original/0", "convai2/valid_self_original/1"]
    assert episodes[0].learners == (0, 1)
    with pytest.raises(MissingFileError):
        next(read_convai2("valid", tmp_path, candidates=False))
    (folder / "valid_both_revised_no_cands.txt").write_bytes("1 hi\tho".encode("utf-16"))
    with pytest.raises(DataError, match=r"(?s)no dialogue in ConvAI2's numbered format.*no UTF-8"):
        list(read_convai2("valid", tmp_path, persona="both", version="revised"))
    with pytest.raises(DataError, match="version must be one of"):
        next(read_convai2("valid", tmp_path, version="new"))


DATA = Path(os.environ.get("PERSONA_TF_DATA_DIR", ""))


@pytest.mark.parametrize(
    ("split", "persona", "version", "dialogues", "pairs"),
    [
        ("train", "self", "original", 2356, 17316),
        ("valid", "self", "original", 1000, 7801),
        ("valid", "both", "revised", 1000, 7801),
    ],
)
def test_real_counts(split, persona, version, dialogues, pairs):
    path = DATA / "convai2" / f"{split}_{persona}_{version}_no_cands.txt"
    if not path.is_file() or (split == "train" and path.stat().st_size != 2_248_113):
        pytest.skip(f"needs PERSONA_TF_DATA_DIR with this convai2/{path.name}")
    skips = Skips()
    episodes = list(read_convai2(split, DATA, persona=persona, version=version, candidates=False, skips=skips))
    assert len(episodes) == dialogues
    assert sum(turn.speaker == 1 for e in episodes for turn in e.turns) == pairs
    assert all(e.characters[1].facts for e in episodes)
    assert all(bool(e.characters[0].facts) == (persona == "both") for e in episodes)
    assert skips.count == 0
