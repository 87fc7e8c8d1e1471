"""The bot's token: where it comes from, and that nobody reads it in a log or a traceback."""

import contextlib
import logging
import re
import traceback
from collections.abc import Iterator, Mapping

VARIABLE = "TELEGRAM_TOKEN"
"""The variable of the environment. A token on the command line could be read by all who can list processes."""

_TOKEN = re.compile(r"\d{1,20}:[A-Za-z0-9_-]{20,100}")
_HIDDEN = "<token>"


def token_of(environment: Mapping[str, str]) -> str:
    """The token.

    Raises:
      ValueError: there is none, or it is none; the message does not show it.
    """
    token = environment.get(VARIABLE, "").strip()
    if not token:
        raise ValueError(
            f"expected a bot's token in the variable {VARIABLE}: ask @BotFather on Telegram for one (/newbot), then "
            f"type `read -rs {VARIABLE}; export {VARIABLE}`, paste it, and type the same again"
        )
    if not _TOKEN.fullmatch(token):
        raise ValueError(
            f"{VARIABLE} holds no token: expected digits, a colon and letters, such as 123456:ABC-DEF1234ghIkl-zyx, "
            "as @BotFather gives it (/mybots, API Token)"
        )
    return token


@contextlib.contextmanager
def hidden(token: str) -> Iterator[None]:
    """Within, no log record and no error that leaves it has the token in its text."""
    make = logging.getLogRecordFactory()

    def make_hidden(*args: object, **more: object) -> logging.LogRecord:
        record = make(*args, **more)
        with contextlib.suppress(TypeError, ValueError):  # a wrong format: the handler says so
            record.msg, record.args = record.getMessage().replace(token, _HIDDEN), ()
        if record.exc_info and record.exc_info[0]:
            text = "".join(traceback.format_exception(*record.exc_info)).rstrip()
            record.exc_text, record.exc_info = text.replace(token, _HIDDEN), None
        return record

    logging.setLogRecordFactory(make_hidden)
    try:
        yield
    except Exception as error:  # whatever it is, it goes on
        text = "".join(traceback.format_exception(error))
        if token not in text:
            raise
        raise ValueError(text.strip().splitlines()[-1].replace(token, _HIDDEN)) from None
    finally:
        logging.setLogRecordFactory(make)
