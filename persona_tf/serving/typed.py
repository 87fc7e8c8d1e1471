"""What a person types as a turn: words, and after them what one does and shows."""

from persona_tf.episode import EMOTES


def typed(line: str) -> tuple[str, str, str]:
    """Speech, action and emote of a line.

    >>> typed("Good day! *hug Mira* (smile)")
    ('Good day!', 'hug Mira', 'smile')
    >>> typed("Two (or three) cheers (maybe)")
    ('Two (or three) cheers (maybe)', '', '')
    """
    whole = line.strip()
    rest, emote = _split_off(whole, "(", ")")
    if emote not in EMOTES:
        rest, emote = whole, ""
    speech, action = _split_off(rest, "*", "*")
    return speech, action, emote


def _split_off(text: str, opening: str, closing: str) -> tuple[str, str]:
    """What stands before the marks at the end of a text, and what between them; without marks all and ""."""
    before, mark, inside = text.removesuffix(closing).rpartition(opening)
    inside = inside.strip()
    return (before.rstrip(), inside) if text.endswith(closing) and mark and inside else (text, "")
