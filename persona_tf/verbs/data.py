"""The verb data."""

from persona_tf.command_line import Arguments
from persona_tf.data import commands
from persona_tf.verbs.asked import data_dir


def data(arguments: Arguments) -> None:
    """Prepares, shows, counts or checks a source."""
    known = "|".join(commands.ACTIONS)
    if len(arguments.words) != 2 or arguments.words[0] not in commands.ACTIONS:
        raise ValueError(f"expected `data {known} SOURCE`, got `data {' '.join(arguments.words)}`")
    (action, source), given = arguments.words, arguments.flags
    options = commands.read_options(given.option)
    request = commands.Request(source, data_dir(arguments), tuple(given.split or ()), given.n, options)
    commands.ACTIONS[action](request)
