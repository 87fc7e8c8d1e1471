"""The rules of the house, read from the imports: who may know whom, and where TensorFlow may be."""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "persona_tf"
MODULES = sorted(PACKAGE.rglob("*.py"))

SEAM = {"episode", "example", "learner"}
MAY_IMPORT = {
    "__init__": set(),
    "episode": set(),
    "atomic_file": set(),
    "npz_file": set(),
    "whole_text": set(),
    "bundle_folder": {"text"},
    "run_dir": set(),
    "chat_file": set(),
    "system_errors": set(),
    "flag_table": set(),
    "command_line": {"flag_table"},
    "example": {"episode"},
    "learner": {"episode", "example"},
    "text": set(),
    "model": set(),
    "decoding": set(),
    "data": SEAM | {"text", "chat_file"},
    "retrieval": {"episode", "text", "model", "bundle_folder"},
    "pretrained": {"model"},
    "training": SEAM | {"data", "text", "model", "retrieval", "pretrained"},
    "export": SEAM | {"text", "model", "retrieval", "decoding", "bundle_folder"},
    "chat": SEAM | {"text", "model", "decoding", "retrieval", "export"},
    "evaluation": SEAM | {"data", "text", "model", "decoding", "retrieval", "export", "chat"},
    "serving": {"episode", "example", "chat", "export", "chat_file"},
}
"""What a room may import of ours. ``bench`` may import all but serving, ``config``, ``verbs`` and ``__main__`` all."""
ROOMS = {*MAY_IMPORT, "bench", "config", "verbs", "__main__"}
MAY_IMPORT |= {"bench": ROOMS - {"serving", "config", "verbs", "__main__"}}
MAY_IMPORT |= dict.fromkeys(("config", "verbs", "__main__"), ROOMS)

TENSORFLOW = re.compile(
    r"text/.*|data/(pipeline|corpus)\.py|training/tensorflow_\w+\.py|bench/\w+\.py|decoding/\w+\.py|export/.*"
)
TENSORFLOW_PACKAGES = {"tensorflow", "tensorflow_text"}
PURE = {
    "episode",
    "example",
    "learner",
    "atomic_file",
    "npz_file",
    "whole_text",
    "chat_file",
    "run_dir",
    "system_errors",
    "flag_table",
    "command_line",
    "config",
    "verbs",
    "__main__",
    "serving",
}
"""Rooms that must be imported without Keras, too."""


def room(module: pathlib.Path) -> str:
    first = module.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported(module: pathlib.Path) -> set[str]:
    """Dotted names that a file imports anywhere, also in functions; ``from a import b`` counts as ``a.b``.

    What is imported for annotations alone, under ``if TYPE_CHECKING``, is left out.
    """
    names: set[str] = set()
    nodes = [ast.parse(module.read_text(encoding="utf-8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            nodes += node.orelse
            continue
        nodes += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}:{node.lineno}: relative import; write persona_tf.{node.module}"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def rooms_imported(module: pathlib.Path) -> set[str]:
    ours = {name.split(".")[1] for name in imported(module) if name.startswith("persona_tf.")}
    return ours & ROOMS


def shown(module: pathlib.Path) -> str:
    return str(module.relative_to(PACKAGE))


@pytest.mark.parametrize("module", MODULES, ids=shown)
def test_a_room_imports_what_the_table_allows(module):
    own = room(module)
    assert own in ROOMS, f"{shown(module)}: a room that the table does not know"
    forbidden = rooms_imported(module) - MAY_IMPORT[own] - {own, "run_dir", "atomic_file", "npz_file", "whole_text"}
    assert not forbidden, f"{shown(module)} imports {sorted(forbidden)}"


@pytest.mark.parametrize("module", MODULES, ids=shown)
def test_tensorflow_stays_in_its_places(module):
    packages = {name.split(".")[0] for name in imported(module)}
    if not TENSORFLOW.fullmatch(shown(module)):
        assert not packages & TENSORFLOW_PACKAGES, f"{shown(module)} imports TensorFlow"
    if room(module) in PURE:
        assert "keras" not in packages, f"{shown(module)} imports Keras"


def test_jax_is_imported_by_its_training_step_alone():
    users = {shown(m) for m in MODULES if any(name.split(".")[0] == "jax" for name in imported(m))}
    assert users == {"training/jax_step.py"}


def test_keras_hub_is_imported_in_one_place():
    users = {shown(m) for m in MODULES if any(name.split(".")[0] == "keras_hub" for name in imported(m))}
    assert users == {"pretrained/hub.py", "bench/peers/keras_hub_bart.py"}


def test_gin_is_imported_by_config_alone():
    users = {shown(m) for m in MODULES if any(name.split(".")[0] == "gin" for name in imported(m))}
    assert users == {"config.py"}


def test_config_is_imported_by_the_verbs_alone():
    users = {room(m) for m in MODULES if "config" in rooms_imported(m) and room(m) != "config"}
    assert users == {"verbs"}


def test_absl_is_imported_in_one_place():
    users = {shown(m) for m in MODULES if any(name.split(".")[0] == "absl" for name in imported(m))}
    assert users == {"command_line.py"}


def test_nothing_shadows_gin_and_no_tests_are_installed():
    assert not (ROOT / "gin" / "__init__.py").exists()
    assert not list((ROOT / "tests").rglob("__init__.py"))


@pytest.mark.parametrize("module", MODULES, ids=shown)
def test_files_are_short(module):
    assert len(module.read_text(encoding="utf-8").splitlines()) <= 500


def test_there_is_no_utils():
    assert not [shown(m) for m in MODULES if m.stem in ("utils", "util", "helpers", "misc", "common")]


@pytest.mark.parametrize("module", MODULES, ids=shown)
def test_public_names_are_documented(module):
    tree = ast.parse(module.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), f"{shown(module)} has no docstring"
    kinds = ast.FunctionDef | ast.ClassDef
    bare = [n.name for n in tree.body if isinstance(n, kinds) and n.name[0] != "_" and not ast.get_docstring(n)]
    assert not bare


def test_one_file_names_the_shared_data():
    named = "../shared" + "/data"
    folders = [ROOT / name for name in (".ci", "persona_tf", "tests", "gin", "experiments")]
    kinds = ("", ".py", ".gin", ".md", ".toml", ".cfg")
    files = [f for folder in folders for f in folder.rglob("*")] + list(ROOT.glob("*"))
    texts = [f for f in files if f.is_file() and f.suffix in kinds and f.name != ".git"]
    assert [f.name for f in texts if named in f.read_text(encoding="utf-8")] == ["run"]


def test_the_readme_tree_is_the_disk():
    """Each path of README's tree exists, and each room and top-level folder stands in it."""
    tree = re.search(r"```text tree\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert tree, "README.md has no block that begins with ```text tree"
    listed = tree_paths(tree.group(1))
    missing = sorted(path for path in listed if not (ROOT / path).exists())
    assert not missing, f"README's tree names what is not there: {missing}"
    rooms = {f"persona_tf/{p.name}/" for p in PACKAGE.iterdir() if p.is_dir() and list(p.glob("*.py"))}
    modules = {f"persona_tf/{p.name}" for p in PACKAGE.glob("*.py") if p.name != "__init__.py"}
    assert not (rooms | modules) - listed, "rooms that README's tree leaves out"


def tree_paths(tree: str) -> set[str]:
    """Paths of an indented tree, two blanks a level; folders end in a slash.

    >>> sorted(tree_paths("a/   about\\n  b.py   more"))
    ['a/', 'a/b.py']
    """
    paths, within = set(), []
    for line in tree.splitlines():
        if name := line.strip().split("  ")[0]:
            depth = (len(line) - len(line.lstrip())) // 2
            within = [*within[:depth], name]
            paths.add("".join(within))
    return paths


@pytest.mark.parametrize("module", sorted((PACKAGE / "evaluation" / "metrics").glob("*.py")), ids=shown)
def test_metrics_know_one_another_alone(module):
    """Whoever only wants a metric's definition need read nothing else."""
    ours = {name for name in imported(module) if name.startswith("persona_tf.")}
    assert all(name.startswith("persona_tf.evaluation.metrics.") for name in ours)
