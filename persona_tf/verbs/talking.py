"""The verbs that talk: chat, serve, telegram."""

import functools
import pathlib
import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from persona_tf.atomic_file import check_writable
from persona_tf.command_line import Arguments
from persona_tf.text.native_stderr import tensorflow_quiet
from persona_tf.verbs.asked import data_dir, overridden, trained, trained_in

if TYPE_CHECKING:
    from persona_tf.chat.bot import Bot
    from persona_tf.chat.minds import Minds
    from persona_tf.data.world.config import WorldConfig
    from persona_tf.episode import Episode
    from persona_tf.run_dir import RunDir


def chat(arguments: Arguments) -> None:
    """Talks in the terminal."""
    run, given = trained(arguments), arguments.flags
    decoding = overridden(run, arguments.bindings)[1] if arguments.bindings else {}
    seed = random.randrange(10_000) if given.seed is None else given.seed
    if given.memory and not given.retriever:
        raise ValueError("--memory needs --retriever=RUN: the run of what finds facts in it, such as retrieval_world")
    retriever = trained_in(given.retriever).bundle if given.retriever else None
    watch = _watching(given.offensive)
    from persona_tf.chat.card import read_card
    from persona_tf.serving.scene import scene

    card = read_card(given.card) if given.card else None
    folder = data_dir(arguments)
    drawn = (_people_of(run, folder) or _drawing(run, folder))(seed)
    where = scene(drawn, given.name, given.partner, given.place, given.persona, card)
    print(f"Waking the bot of {run.path}. Seed {seed} brings this meeting back.")
    with tensorflow_quiet():
        from persona_tf.serving import terminal
    terminal.chat(run.bundle, where, seed, decoding, given.engine, card, retriever, given.memory, watch)


def serve(arguments: Arguments) -> None:
    """Serves a bot over HTTP."""
    run, given = trained(arguments), arguments.flags
    decoding = overridden(run, arguments.bindings)[1] if arguments.bindings else {}
    beside = trained_in(given.other) if given.other else None
    if beside is not None and beside.path.resolve() == run.path.resolve():
        raise ValueError(f"--other: expected another run than {run.path}, which would answer the same")
    try:
        from persona_tf.serving.web.pairs import Other
        from persona_tf.serving.web.server import serve
    except ModuleNotFoundError as error:
        raise ValueError(f"the server needs {error.name}: pip install 'persona_tf[serve]', or make setup") from error
    chats = pathlib.Path(given.chat_file) if given.chat_file else run.chats
    check_writable(chats.parent)
    watch = _watching(given.offensive)
    load = functools.partial(_wake, run, decoding, given.engine, watch)
    print(f"Serving the bot of {run.path}.")
    other = None
    if beside is not None:
        wake_other = functools.partial(_wake, beside, decoding, given.engine, watch)
        other = Other(wake_other, (str(run.path), str(beside.path)), chats.with_name("pairs.sqlite"))
    minds = _remembering(given.retriever, chats)
    serve(load, chats, given.host, given.port, given.each_minute, _drawing(run), other, minds)


def telegram(arguments: Arguments) -> None:
    """Runs a bot on Telegram."""
    run, given = trained(arguments), arguments.flags
    decoding = overridden(run, arguments.bindings)[1] if arguments.bindings else {}
    try:
        from persona_tf.serving.telegram import server
    except ModuleNotFoundError as error:
        raise ValueError(f"this needs {error.name}: pip install 'persona_tf[telegram]', or make setup") from error
    from persona_tf.chat.card import read_card
    from persona_tf.serving.scene import scenes

    card = read_card(given.card) if given.card else None
    draw = _drawing(run, data_dir(arguments)) if _world_of(run) else None
    chats = pathlib.Path(given.chat_file) if given.chat_file else run.telegram_chats
    check_writable(chats.parent)

    load = functools.partial(_wake, run, decoding, given.engine, _watching(given.offensive))
    meet = scenes(draw, given.name, given.place, given.persona, card)
    server.run(load, chats, given.telegram_api, meet, card, _remembering(given.retriever, chats))


def _remembering(retriever: str, chats: pathlib.Path) -> Callable[[], "Minds"] | None:
    """What opens the memories of a file's conversations; None: no retriever was named, so they have none."""
    if not retriever:
        return None
    from persona_tf.chat.minds import Minds, memory_file

    file = memory_file(chats)
    print(f"What conversations learn is kept in {file}.")
    return functools.partial(Minds.load, file, trained_in(retriever).bundle)


def _watching(way: str) -> Callable[["Bot"], "Bot"]:
    """What has the bot's offensive replies marked or kept back, as --offensive asks; raises what `watching` raises."""
    from persona_tf.chat.watched_bot import watching

    return watching(way)


def _wake(run: "RunDir", decoding: Mapping[str, Any], engine: str, watch: Callable[["Bot"], "Bot"]) -> "Bot":
    from persona_tf.serving.waking import wake

    with tensorflow_quiet():
        from persona_tf.chat import bot as _  # noqa: F401
    return watch(wake(run.bundle, decoding, engine))


def _drawing(run: "RunDir", data_dir: pathlib.Path | None = None) -> Callable[[int], "Episode"]:
    """A seed -> a meeting in the world that the run was trained on, or in the whole of it; people lie in `data_dir`."""
    from persona_tf.data.world.config import WorldConfig
    from persona_tf.data.world.generator import character_and_place
    from persona_tf.data.world_cache import people_of

    world = _world_of(run) or WorldConfig()
    realm = people_of(world, data_dir) if world.people and data_dir else None
    return lambda seed: character_and_place(seed, world, realm)


def _people_of(run: "RunDir", data_dir: pathlib.Path) -> Callable[[int], "Episode"] | None:
    """A seed -> somebody of the people whose dialogues the run is evaluated on; None: it is the built-in world, or they
    are not there."""
    from persona_tf import config
    from persona_tf.data.errors import MissingFileError
    from persona_tf.data.meetings import meetings
    from persona_tf.data.sources import read_split

    settings = config.load(run.config) if run.config.is_file() else None
    if settings is None or settings.data.source == "world" or not settings.evaluate.splits:
        return None
    data = settings.data
    try:
        return meetings(read_split(data.source, settings.evaluate.splits[-1], data_dir, data.options))
    except MissingFileError:
        print(f"The people of {data.source} are not in {data_dir}: you meet somebody of the built-in world.")
        return None


def _world_of(run: "RunDir") -> "WorldConfig | None":
    """The built-in world that the run was trained on; None: it was not."""
    from persona_tf import config
    from persona_tf.data.world_cache import world_config

    data = config.load(run.config).data if run.config.is_file() else None
    return world_config(data.options) if data and data.source == "world" else None
