import json
import os
from pathlib import Path

import pytest

from persona_tf.data.errors import DataError, MissingFileError
from persona_tf.data.skips import Skips
from persona_tf.data.verify import episode_problems
from persona_tf.data.wow import FILES, read_wow
from persona_tf.data.wow_json import wow_episode
from persona_tf.episode import Turn
from persona_tf.example import ExampleConfig
from persona_tf.learner import examples


def wizard(text, key="no_passages_used", sentence="no_passages_used", passage=None, looked_up=(), **more):
    return {
        "speaker": "0_Wizard",
        "text": text,
        "checked_sentence": {key: sentence},
        "checked_passage": {key: passage or sentence},
        "retrieved_passages": list(looked_up),
        "retrieved_topics": [],
        **more,
    }


def apprentice(text, *looked_up):
    return {"speaker": "1_Apprentice", "text": text, "retrieved_passages": list(looked_up), "retrieved_topics": []}


BREAD = ["Bread is a staple food.", "Bread is  baked."]
ORIGINAL = {
    "chosen_topic": "Bread",
    "chosen_topic_passage": BREAD,
    "persona": "i bake.",
    "wizard_eval": 5,
    "dialog": [
        wizard("I love bread.", "chosen_Bread_0", BREAD[0], "Bread", [{"Oven": ["An oven is hot."]}]),
        apprentice("Of wheat?", {"Wheat": ["Wheat is a grass.", "Bread is baked."]}, {"Rye": ["Rye is too."]}),
        wizard("Wheat is a grass.", "partner_Wheat_0", "Wheat is a grass.", "Wheat", [{"Grass": ["Grass is green."]}]),
        apprentice("And?"),
        wizard("Green it is.", candidate_responses=["No.", "Green it is."]),
        apprentice("How so?"),
        wizard("Because.", "self_Colour_2", "Green is a colour.", candidate_responses=["No."]),
    ],
}


def keys(*numbers):
    return tuple(f"setting_description/{number}" for number in numbers)


def test_a_wizard_knows_the_topic_and_what_was_looked_up_lately():
    episode = wow_episode(ORIGINAL, "wow/x/0")
    assert episode.setting.name == "Bread"
    assert episode.setting.description == (
        "Bread is a staple food.",
        "Bread is baked.",
        "Wheat is a grass.",
        "Bread is baked.",
        "Rye is too.",
        "An oven is hot.",
        "Grass is green.",
        "Green is a colour.",
    )
    assert episode.turns == (
        Turn(1, "I love bread.", grounding=keys(0), knows=keys(0, 1)),
        Turn(0, "Of wheat?"),
        Turn(1, "Wheat is a grass.", grounding=keys(2), knows=keys(0, 1, 2, 3, 4, 5)),
        Turn(0, "And?"),
        Turn(1, "Green it is.", candidates=("No.", "Green it is."), knows=keys(0, 1, 6)),
        Turn(0, "How so?"),
        Turn(1, "Because.", candidates=("No.", "Because."), grounding=keys(7), knows=keys(0, 1, 7)),
    )
    assert episode.learners == (1,)
    assert list(episode_problems(episode)) == []


def test_titles_and_limits():
    titled = wow_episode(ORIGINAL, "wow/x/0", titles=True)
    assert titled.setting.description[2:4] == ("Wheat: Wheat is a grass.", "Wheat: Bread is baked.")
    few = wow_episode(ORIGINAL, "wow/x/0", knowledge=2)
    assert few == wow_episode(ORIGINAL, "wow/x/0", knowledge=2)
    assert [len(t.knows) for t in few.turns if t.speaker] == [2, 2, 2, 2]
    assert list(episode_problems(few)) == [], "the checked sentence is always there"
    assert wow_episode(ORIGINAL, "wow/x/0", knowledge=99) == wow_episode(ORIGINAL, "wow/x/0")


def test_each_target_sees_what_its_turn_knows_and_nothing_of_later():
    found = list(examples(wow_episode(ORIGINAL, "wow/x/0"), ExampleConfig()))
    shown = [{i.key for i in e.items if i.kind == "setting_description"} for e in found]
    assert shown == [{*keys(0, 1)}, {*keys(0, 1, 2, 3, 4, 5)}, {*keys(0, 1, 6)}, {*keys(0, 1, 7)}]
    assert [[e.items[i].text for i in e.targets[0].gold] for e in found] == [
        ["Bread is a staple food."],
        ["Wheat is a grass."],
        [],
        ["Green is a colour."],
    ]


def test_of_pages_that_share_a_sentence_the_checked_one_counts():
    shared = {"A": ["Same."]}, {"B_C": ["Same."]}
    for key, passage, number in (("partner_A_0", "B_C", 2), ("partner_B_C_0", "none", 1), ("self_A_0", "A", 1)):
        said = [apprentice("Hi.", *shared), wizard("Ho.", key, "Same.", passage)]
        [_, turn] = wow_episode({**ORIGINAL, "chosen_topic_passage": ["Topic."], "dialog": said}, "x").turns
        assert turn.grounding == keys(number)


def write(folder, name, data):
    (folder / "wow").mkdir(exist_ok=True)
    (folder / "wow" / name).write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")


def read(folder, split="valid_random", **options):
    skips = Skips()
    return list(read_wow(split, folder, skips=skips, **options)), skips


@pytest.mark.parametrize("split", FILES)
def test_the_original_is_read_dialogue_by_dialogue(tmp_path, split):
    bad = [
        {},
        {**ORIGINAL, "dialog": [apprentice("Hi.")]},
        {**ORIGINAL, "dialog": [{"speaker": "2_Cat", "text": "M."}]},
    ]
    write(tmp_path, FILES[split], [ORIGINAL, *bad, ORIGINAL, 3])
    episodes, skips = read(tmp_path, split)
    assert [e.id for e in episodes] == [f"wow/{split}/0", f"wow/{split}/4"]
    assert skips.count == 4
    assert "dialogue 1: expected an object with the key chosen_topic" in skips.report()
    assert "dialogue 2: key dialog: no turn of the wizard" in skips.report()
    assert "dialogue 3: key speaker: expected a name that ends in Wizard or Apprentice, got '2_Cat'" in skips.report()
    write(tmp_path, FILES[split], json.dumps([ORIGINAL])[:-9])
    with pytest.raises(DataError, match="element 0 is broken or breaks off"):
        read(tmp_path, split)


GOLD = [
    {
        "meta": [["Bread is baked."], [], ["Bread is baked."]],
        "dialogue": [["Hi.", "Ho."], ["What?", "That."], ["A", "B"]],
    },
    {"meta": [["Rye is a grass."]], "dialogue": [["Rye?", "A  grass."]]},
    {"meta": [["Ovens are hot."], ["Fire is hot."]], "dialogue": [["Hot?", "Yes."], ["Fire?", "Yes."]]},
]


def test_the_gold_form_has_negatives_of_other_dialogues(tmp_path):
    write(tmp_path, "valid_random_gold.json", GOLD)
    episodes, skips = read(tmp_path, negatives=2)
    assert skips.count == 0
    assert [e.id for e in episodes] == [f"wow/valid_random_gold/{i}" for i in range(3)]
    own = [{s for gold in d["meta"] for s in gold} for d in GOLD]
    for episode, sentences in zip(episodes, own, strict=True):
        assert set(episode.setting.description) >= sentences
        assert len(set(episode.setting.description)) == len(episode.setting.description) == len(sentences) + 2
        assert list(episode_problems(episode)) == []
    grounded = [[e.setting.description[int(k[-1])] for t in e.turns for k in t.grounding] for e in episodes]
    assert grounded == [["Bread is baked."] * 2, ["Rye is a grass."], ["Ovens are hot.", "Fire is hot."]]
    assert [(t.speaker, t.speech) for t in episodes[1].turns] == [(0, "Rye?"), (1, "A grass.")]
    assert read(tmp_path, negatives=2)[0] == episodes
    assert [len(e.setting.description) for e in read(tmp_path, negatives=0)[0]] == [1, 1, 2]


def test_which_form_is_read(tmp_path):
    with pytest.raises(MissingFileError, match=r"valid_random_split\.json and .*gold\.json: missing.*\(SHA-256 2a5496"):
        read(tmp_path)
    with pytest.raises(MissingFileError, match=r"train\.json: missing"):
        read(tmp_path, "train")
    with pytest.raises(MissingFileError, match="train in the gold form: missing"):
        read(tmp_path, "train", form="gold")
    write(tmp_path, "valid_random_gold.json", GOLD)
    assert len(read(tmp_path)[0]) == 3
    write(tmp_path, "valid_random_split.json", [ORIGINAL])
    assert [len(read(tmp_path, form=form)[0]) for form in ("", "original", "gold")] == [1, 1, 3]


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ("nonsense", "no JSON"),
        ({}, "expected a list of dialogues, found dict"),
        ([{"meta": [[]]}], "expected an object with the key dialogue"),
        ([{"meta": [[]], "dialogue": [["a", "b"], ["c", "d"]]}], "expected lists of one length, got 1 and 2"),
        ([{"meta": [[]], "dialogue": [["a"]]}], "expected two texts an exchange"),
        ([{"meta": ["a"], "dialogue": [["a", "b"]]}], "key meta: expected lists of strings"),
    ],
)
def test_a_bad_gold_file_is_named(tmp_path, data, named):
    write(tmp_path, "valid_random_gold.json", data)
    with pytest.raises(DataError, match=named):
        read(tmp_path)


@pytest.mark.parametrize(
    "options", [{"form": "other"}, {"knowledge": -1}, {"knowledge": "all"}, {"negatives": True}, {"titles": "no"}]
)
def test_values_of_options(tmp_path, options):
    with pytest.raises(DataError, match=f"wow: {next(iter(options))} must be"):
        read(tmp_path, **options)


DATA = Path(os.environ.get("PERSONA_TF_DATA_DIR", ""))


@pytest.mark.skipif(not (DATA / "wow/valid_random_gold.json").is_file(), reason="needs wow/valid_random_gold.json")
def test_real_counts():
    skips = Skips()
    episodes = list(read_wow("valid_random", DATA, form="gold", skips=skips))
    targets = [t for e in episodes for t in e.turns if t.speaker == 1]
    assert (len(episodes), len(targets), skips.count) == (981, 3939, 0)
    assert sum(not t.grounding for t in targets) == 253
