"""What a list of conversations shows of one."""

from persona_tf.chat.session import BOT, PARTNER, Session
from persona_tf.episode import Turn


def about(session: Session) -> dict[str, str | int]:
    """Who, where, how many turns, and the beginning of the last one."""
    episode = session.episode
    return {
        "bot": episode.characters[BOT].name,
        "partner": episode.characters[PARTNER].name,
        "place": episode.setting.name if episode.setting else "",
        "count": len(episode.turns),
        "last": said(episode.turns[-1])[:200] if episode.turns else "",
    }


def said(turn: Turn) -> str:
    """The words of a turn; where there are none, what was done or shown."""
    return turn.speech or (f"*{turn.action}*" if turn.action else f"({turn.emote})" if turn.emote else "")
