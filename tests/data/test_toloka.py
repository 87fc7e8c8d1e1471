import collections
import json
import os
from pathlib import Path

import pytest

from persona_tf.data.errors import DataError, MissingFileError
from persona_tf.data.skips import Skips
from persona_tf.data.toloka import SPLITS, read_profiles, read_toloka, toloka_path
from persona_tf.data.verify import episode_problems, verify
from persona_tf.episode import Character, Episode, Fact, Turn
from persona_tf.example import ExampleConfig
from persona_tf.learner import examples

BAKER, SINGER = ("Я пеку хлеб.", "У меня есть кот."), ("Я боюсь гусей.", "Я пою.")


def line(number, gold=True, facts=(BAKER, SINGER)):
    """A dialogue of three turns; what the labels say, no lemma does."""
    said = ((0, f"Добрый день, гость {number}!", []), (1, "Вы пекли хлеб?", []), (0, "Да.", [0]), (0, "Кот ел.", []))
    dialog = [{"person": who, "text": text, **({"gk": used} if gold else {})} for who, text, used in said]
    return json.dumps({"persons": [{"description": own} for own in facts], "dialog": dialog}, ensure_ascii=False)


def row(number):
    one, other = ("".join(f"{fact}<br />" for fact in facts) for facts in (BAKER, SINGER))
    first, second = (f"<span class=participant_{who}>Пользователь {who}: " for who in (1, 2))
    dialogue = (
        f"{first}Добрый день, гость {number}!<br /></span>{second}Вы пекли хлеб?<br /></span>"
        f"{first}Да.<br /></span>{first}Кот ел.<br /></span>"
    )
    return f"<span class=participant_1>{one}</span>\t<span class=participant_2>{other}</span>\t{dialogue}"


@pytest.fixture
def write(tmp_path):
    """Lines -> a file of them in DATA_DIR/toloka."""

    def write(lines, name="mine.jsonl"):
        (tmp_path / "toloka").mkdir(exist_ok=True)
        (tmp_path / "toloka" / name).write_text("\n".join(lines), encoding="utf-8")
        return tmp_path

    return write


def read(data_dir, **options):
    return {split: list(read_toloka(split, data_dir, **options)) for split in SPLITS}


def everything(data_dir, **options):
    return [episode for episodes in read(data_dir, **options).values() for episode in episodes]


def test_an_episode_word_for_word(write):
    episode = next(e for e in everything(write(map(line, range(40)))) if "гость 7!" in e.turns[0].speech)
    assert episode == Episode(
        "toloka/4490b0dc8376",
        "toloka",
        None,
        (Character("", tuple(map(Fact, BAKER))), Character("", tuple(map(Fact, SINGER)))),
        (
            Turn(0, "Добрый день, гость 7!"),
            Turn(1, "Вы пекли хлеб?"),
            Turn(0, "Да. Кот ел.", grounding=("persona/0",)),
        ),
        (0, 1),
    )


def test_table_and_json_lines_give_the_same_but_for_the_labels(write):
    from_json = read(write(map(line, range(40))))
    from_table = read(write(["persona_1_profile\tpersona_2_profile\tdialogue", *map(row, range(40))], "dialogues.tsv"))
    for split in SPLITS:
        assert [e.id for e in from_table[split]] == [e.id for e in from_json[split]]
        assert [[t.speech for t in e.turns] for e in from_table[split]] == [
            [t.speech for t in e.turns] for e in from_json[split]
        ]
    # The table does not say what is used; lemmas do.
    assert {e.turns[2].grounding for e in from_table["train"]} == {("persona/1",)}
    assert {e.turns[2].grounding for e in from_json["train"]} == {("persona/0",)}


@pytest.mark.parametrize(
    ("gold", "grounding", "keys"),
    [
        (True, True, ("persona/0",)),
        (True, "made", ("persona/1",)),
        (False, True, ("persona/1",)),
        (True, False, ()),
        (False, False, ()),
    ],
)
def test_labels_are_read_or_made_or_left_out(write, gold, grounding, keys):
    episodes = everything(write(line(number, gold) for number in range(40)), grounding=grounding)
    assert {episode.turns[2].grounding for episode in episodes} == {keys}
    # A question about bread uses no fact of who asks.
    assert {episode.turns[1].grounding for episode in episodes} == {()}


def test_labels_become_gold_items_of_both_speakers(write):
    episode = everything(write(map(line, range(40))))[0]
    golds = [
        [[example.items[i].text for i in target.gold] for target in example.targets]
        for example in examples(episode, ExampleConfig(learn_action=False, learn_emote=False))
    ]
    assert golds == [[[], ["Я пеку хлеб."]], [[]]]


def test_every_dialogue_is_of_one_split_and_more_lines_move_none(write):
    few, many = read(write(map(line, range(40)))), read(write(map(line, range(80))))
    ids = [e.id for episodes in many.values() for e in episodes]
    assert len(ids) == len(set(ids)) == 80
    for split in SPLITS:
        assert {e.id for e in few[split]} <= {e.id for e in many[split]}


def test_no_persona_is_in_two_splits_when_asked(write):
    personas = [((f"Я гусь {n}.", "Я лечу."), (f"Я сижу {n}.", f"Я пою {n}.")) for n in range(30)]
    # Each persona meets the next one of its own seven, spelt in another way.
    lines = [
        line(n, facts=(personas[n][0], tuple(f.upper() for f in reversed(personas[n - n % 7][0])))) for n in range(30)
    ]
    lines += [line(n + 100, facts=personas[n]) for n in range(30)]
    data_dir = write(lines + [line(n + 300, facts=((f"Я {n}.",), (f"Не {n}.",))) for n in range(40)])
    by_persona = read(data_dir, split_by="persona")
    homes = collections.defaultdict(set)
    for split, episodes in by_persona.items():
        assert episodes
        for episode in episodes:
            for character in episode.characters:
                homes[frozenset(fact.text.casefold() for fact in character.facts)].add(split)
    assert set(map(len, homes.values())) == {1}
    assert sum(map(len, by_persona.values())) == 100


def test_what_cannot_be_split_says_so(write):
    data_dir = write(map(line, range(40)))
    with pytest.raises(DataError, match=r"of its 40 dialogues none is of \w+: shared personas link too many; take"):
        read(data_dir, split_by="persona")
    with pytest.raises(DataError, match="of its 1 dialogues none is of"):
        read(write([line(0)]))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"split_by": "line"}, r"split_by must be one of \('dialogue', 'persona'\), got 'line'"),
        ({"grounding": 1}, r"grounding must be one of \(True, False, 'made'\), got 1"),
        ({"grounding": "True"}, "got 'True'"),
        ({"grounding": []}, r"got \[\]"),
        ({"file": "a.txt"}, r"a name that ends in \.tsv or \.jsonl, got 'a\.txt'"),
        ({"file": 3}, "got 3"),
        ({"file": "other.jsonl"}, r"other\.jsonl is missing"),
    ],
)
def test_options_that_do_not_exist(write, options, named):
    with pytest.raises(DataError, match=named):
        next(read_toloka("train", write(map(line, range(40))), **options))


def test_the_file_that_is_there_is_taken(write, tmp_path):
    with pytest.raises(MissingFileError, match=r"dialogues\.tsv is missing.*https://tlk\.s3.*7071.*unpack dialogues"):
        next(read_toloka("train", tmp_path))
    write([line(0)])
    assert toloka_path(tmp_path).name == "mine.jsonl"
    write([line(0)], "b.jsonl")
    with pytest.raises(DataError, match=r"several files; option file says which: b\.jsonl, mine\.jsonl"):
        toloka_path(tmp_path)
    assert toloka_path(tmp_path, "b.jsonl").name == "b.jsonl"
    write([row(0)], "dialogues.tsv")
    assert toloka_path(tmp_path).name == "dialogues.tsv"


def test_a_file_of_something_else_is_told(write):
    data_dir = write(["что-то"] * 9)
    with pytest.raises(DataError, match=r"(?s)no dialogue in Toloka's format\. Move it away.*9 skipped"):
        next(read_toloka("train", data_dir))


def test_verify_finds_nothing_wrong_or_the_bad_line(write):
    lines = [line(number) for number in range(60)]
    assert verify("toloka", write(lines)) == []
    problems = verify("toloka", write([*lines, "{"]))
    assert len(problems) == 3
    assert "mine.jsonl:61: Expecting property name" in problems[0]


def test_profiles(write):
    rows = ["characteristic_1\tcharacteristic_2", "Я пеку.\tУ меня  кот.\t", "", "Я пою.\t\tИ танцую.\r"]
    assert list(read_profiles(write(rows, "profiles.tsv"))) == [
        (Fact("Я пеку."), Fact("У меня кот.")),
        (Fact("Я пою."), Fact("И танцую.")),
    ]


def test_profiles_that_are_missing(tmp_path):
    with pytest.raises(MissingFileError, match=r"profiles\.tsv is missing"):
        next(read_profiles(tmp_path))


DATA = Path(os.environ.get("PERSONA_TF_DATA_DIR", ""))
SLICE = DATA / "toloka_ru" / "TolokaPersonaChat_slice.jsonl"


@pytest.fixture
def real(tmp_path):
    """A DATA_DIR with 750 real dialogues and all profiles."""
    if not SLICE.is_file():
        pytest.skip(f"needs PERSONA_TF_DATA_DIR with toloka_ru/{SLICE.name}")
    (tmp_path / "toloka").symlink_to(SLICE.parent)
    return tmp_path


def test_real_counts(real):
    skips = Skips()
    by_dialogue = read(real, skips=skips)
    assert {split: len(episodes) for split, episodes in by_dialogue.items()} == {"train": 610, "valid": 72, "test": 68}
    assert len(list(read_toloka("test", real, split_by="persona"))) == 42
    assert skips.count == 0
    episodes = [episode for split in SPLITS for episode in by_dialogue[split]]
    assert sum(len(e.turns) for e in episodes) == 12_175
    assert sum(bool(t.grounding) for e in episodes for t in e.turns) == 4_525
    assert all(len(c.facts) == 5 for e in episodes for c in e.characters)
    assert not [problem for e in episodes for problem in episode_problems(e)]


def test_real_profiles(real):
    profiles = list(read_profiles(real))
    assert len(profiles) == 1_505
    assert {len(profile) for profile in profiles} == {5}


def test_turns_state_the_facts_that_they_use(write):
    episode = next(e for e in everything(write(map(line, range(40))), states=True))
    stated = [[(state.owner, state.fact.text) for state in turn.states] for turn in episode.turns]
    assert stated == [[], [], [(0, BAKER[0])]]
    [plain] = [e for e in everything(write(map(line, range(40)))) if e.id == episode.id]
    assert not any(turn.states for turn in plain.turns)
    with pytest.raises(DataError, match="True with grounding"):
        everything(write(map(line, range(40))), states=True, grounding=False)
