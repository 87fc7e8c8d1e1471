"""Small pickles of LIGHT's schema, for tests, and to try `light_base` without the real files.

    python tests/light_sample.py DATA_DIR [DIALOGUES]

Read them with the data options ``check_hash=False`` and ``splits="proportional"``.
"""

import pickle
import random
import sys
from pathlib import Path
from typing import Any

PLACES = [
    (
        "Mill by the ford",
        "Countryside",
        "The wheel turns slowly. Flour covers every beam.",
        "It has burnt twice.",
    ),
    (
        "Guard room",
        "Castle",
        "Spears lean on the wall. A fire smokes in the corner.",
        "Nobody sleeps well here.",
    ),
    (
        "Salt cellar",
        "Port",
        "Barrels stand in rows. The floor is white and wet.",
        "Smugglers know the back door.",
    ),
    (
        "Bell tower",
        "Church",
        "Three bells hang from oak. Owls nest above them.",
        "The largest bell is cracked.",
    ),
    (
        "Herb garden",
        "Abbey",
        "Sage grows along the path. A well stands in the middle.",
        "It was laid out by nuns.",
    ),
    (
        "Fish market",
        "Port",
        "Nets dry on poles. Gulls scream over the stalls.",
        "It opens before the sun is up.",
    ),
]
UNSEEN_PLACES = [
    ("Ice bridge", "Mountain", "The planks are blue with frost. Wind comes from below.", "Trolls built it."),
    (
        "Glass maker's hut",
        "Forest",
        "An oven glows at the back. Bottles hang in the window.",
        "Sand comes by mule.",
    ),
]
PEOPLE = [
    ("miller", "I grind corn for three villages. I fear fire. My brother is a soldier."),
    ("guard", "I watch the gate at night. I like warm soup. My boots are too small."),
    ("nun", "I pray six times a day. I know every herb. I have a secret cat."),
    ("smuggler", "I sell salt without tax. I can whistle like a gull. I trust nobody."),
    ("bell ringer", "I am deaf in one ear. I love the big bell. I live above the church."),
    ("fishwife", "I shout louder than the sea. I have nine children. I hate eels."),
    ("goat", "I eat what I find. I have a loose horn."),
    ("squire", "I want to be a knight. I polish armor all day. I am afraid of horses."),
]
UNSEEN_PEOPLE = [
    ("ferry troll", "I take a toll from all who cross. I collect spoons. I am shy."),
    ("glass maker", "I blow bottles for the king. My lungs are weak. I sing to the oven."),
]
THINGS = {
    "a sack": "The sack is patched and heavy.",
    "an apple": "The apple is red on one side only.",
    "a spoon": "The spoon is bent.",
    "a lantern": "The lantern smells of oil.",
    "a rope": "The rope is frayed in the middle.",
    "a coin": "",
}
LINES = [
    "Good day to you. {fact}",
    "What brings you to the {place}?",
    "{fact} You should know that.",
    "I see {thing} lying there.",
    "Be careful in the {place}.",
    "They say: {sentence}",
    "You are a strange {partner}.",
    "I have to go soon, {partner}.",
]


def dialogue(rng: random.Random, unseen: bool = False) -> dict[str, Any]:
    """One dialogue of the pickle's schema; every key is there, single entries may be None."""
    name, category, description, background = rng.choice(UNSEEN_PLACES if unseen else PLACES)
    agents = rng.sample(UNSEEN_PEOPLE if unseen else PEOPLE, 2)
    objects = rng.sample(sorted(THINGS), 3)
    held = rng.choice(objects)
    turns = rng.randrange(6, 11)
    columns: dict[str, list[Any]] = {key: [] for key in _COLUMNS}
    for turn in range(turns):
        (own, persona), (partner, _) = agents[turn % 2], agents[1 - turn % 2]
        choices = [f"get {_bare(objects[0])}", f"hug {partner}", f"hit {partner}", f"drop {_bare(held)}"]
        line = rng.choice(LINES).format(
            fact=rng.choice(persona.split(". ")).rstrip(".") + ".",
            place=name.lower(),
            thing=rng.choice(objects),
            sentence=description.split(". ")[0] + ".",
            partner=partner,
        )
        columns["character"].append(own)
        columns["speech"].append(line)
        columns["action"].append(rng.choice(choices) if rng.random() < 0.3 else None)
        columns["emote"].append(rng.choice(["smile", "nod", "growl", "ponder"]) if rng.random() < 0.4 else None)
        columns["available_actions"].append(choices)
        columns["room_objects"].append(objects)
        columns["room_agents"].append([f"a {agents[0][0]}", f"a {agents[1][0]}", "a mouse"])
        columns["carrying"].append([held] if turn % 2 == 0 else [])
        columns["wearing"].append(["a cloak"] if turn % 2 else [])
        columns["wielding"].append([])
        columns["context"].append(None)
        columns["score"].append(None)
    shown = {**{thing: THINGS[thing] for thing in objects}, f"a {agents[0][0]}": agents[0][1]}
    return {
        "agents": [{"name": who, "persona": persona} for who, persona in agents],
        "setting": {"name": name, "category": category, "description": description, "background": background},
        "all_descriptions": shown,
        **columns,
    }


def write_light_sample(data_dir: Path, dialogues: int = 40, unseen: int = 8, seed: int = 0) -> None:
    """Writes the two files of dialogues and an empty ``light_environment.pkl`` below ``data_dir/light``."""
    folder = data_dir / "light"
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    seen = [dialogue(rng) for _ in range(dialogues)]
    (folder / "light_data.pkl").write_bytes(pickle.dumps(seen))
    (folder / "light_environment.pkl").write_bytes(pickle.dumps({}))
    (folder / "light_unseen_data.pkl").write_bytes(pickle.dumps([dialogue(rng, True) for _ in range(unseen)]))


_COLUMNS = [
    "character",
    "speech",
    "action",
    "emote",
    "available_actions",
    "room_objects",
    "room_agents",
    "carrying",
    "wearing",
    "wielding",
    "context",
    "score",
]


def _bare(name: str) -> str:
    return name.split(" ", 1)[1]


if __name__ == "__main__":
    write_light_sample(Path(sys.argv[1]), *map(int, sys.argv[2:3]))
