"""A small Bot API over real HTTP on this machine. It takes what Telegram's documentation allows and refuses the rest.

People are the methods `say`, `press`, `send_file` and so on; `calls` is all that the bot asked, in order.
https://core.telegram.org/bots/api
"""

import dataclasses
import http.server
import itertools
import json
import threading
import time
import urllib.parse

TOKEN = "123456:" + "Secret-Token_" * 3
PORTION = 100
PATIENCE = 120.0
"""Seconds; only what fails waits so long."""

INTEGER, TEXT, FLAG, OBJECT = int, str, bool, dict
METHODS = {
    # name: (required, optional)
    "getMe": ({}, {}),
    "deleteWebhook": ({}, {"drop_pending_updates": FLAG}),
    "setMyCommands": ({"commands": list}, {"scope": OBJECT, "language_code": TEXT}),
    "getUpdates": ({}, {"offset": INTEGER, "limit": INTEGER, "timeout": INTEGER, "allowed_updates": list}),
    "sendMessage": (
        {"chat_id": INTEGER, "text": TEXT},
        {"reply_markup": OBJECT, "link_preview_options": OBJECT, "disable_notification": FLAG},
    ),
    "editMessageText": (
        {"chat_id": INTEGER, "message_id": INTEGER, "text": TEXT},
        {"reply_markup": OBJECT, "link_preview_options": OBJECT},
    ),
    "editMessageReplyMarkup": ({"chat_id": INTEGER, "message_id": INTEGER}, {"reply_markup": OBJECT}),
    "answerCallbackQuery": (
        {"callback_query_id": TEXT},
        {"text": TEXT, "show_alert": FLAG, "url": TEXT, "cache_time": INTEGER},
    ),
    "getFile": ({"file_id": TEXT}, {}),
    "sendChatAction": ({"chat_id": INTEGER, "action": TEXT}, {}),
}
"""What each method must and may be given. `parse_mode` and `entities` stand nowhere: the bot sends plain text alone."""


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, code, description, **parameters):
        super().__init__(description)
        self.body = {"ok": False, "error_code": code, "description": description}
        if parameters:
            self.body["parameters"] = parameters
        self.code = code


@dataclasses.dataclass
class Call:
    """A request of the bot, and what it got."""

    method: str
    given: dict
    answer: dict


class FakeTelegram:
    """Serves until it is closed."""

    def __init__(self):
        self.calls, self.messages, self.complaints = [], {}, []
        self.news = threading.Condition()
        self.refusals = {}  # method -> errors that come first
        self.down = False
        self.lost_answers = set()  # methods whose next answer the bot never gets
        self._updates, self._files, self._queries = {}, {}, {}
        self._numbers = {kind: itertools.count(start) for kind, start in (("update", 7001), ("message", 1), ("q", 1))}
        self._polls = 0
        handler = type("Handler", (_Handler,), {"telegram": self})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    # ------------------------------------------------------------------------------------------- people

    def say(self, chat, text, language="en", kind="private"):
        return self._message(chat, language, kind, text=text)

    def send_file(self, chat, content, name="card.json", language="en", size=None, caption=None):
        file = f"file-{len(self._files)}"
        self._files[file] = content
        document = {"file_id": file, "file_unique_id": file, "file_name": name, "file_size": size or len(content)}
        more = {} if caption is None else {"caption": caption}
        return self._message(chat, language, "private", document=document, **more)

    def send_photo(self, chat, language="en", kind="private"):
        photo = [{"file_id": "p", "file_unique_id": "p", "width": 9, "height": 9}]
        return self._message(chat, language, kind, photo=photo)

    def send_sticker(self, chat, language="en"):
        sticker = {"file_id": "s", "file_unique_id": "s", "type": "regular", "width": 9, "height": 9}
        return self._message(chat, language, "private", sticker={**sticker, "is_animated": False, "is_video": False})

    def press(self, message, data, language="en"):
        """A button under a message of the bot's, by its data or a part of its label."""
        if not any(data == button["callback_data"] for button in buttons(message)):
            data = next(b["callback_data"] for b in buttons(message) if data in b["text"])
        return self.press_blindly(message, data, language)

    def press_blindly(self, message, data, language="en"):
        chat = message["chat"]["id"]
        query = f"query-{next(self._numbers['q'])}"
        self._queries[query] = None
        shown = {key: value for key, value in message.items() if key != "reply_markup"}
        body = {"id": query, "from": _person(chat, language), "chat_instance": "x", "data": data, "message": shown}
        self.push({"callback_query": body})
        return query

    def push(self, update, number=None):
        with self.news:
            number = next(self._numbers["update"]) if number is None else number
            self._updates[number] = {"update_id": number, **update}
            self.news.notify_all()
        return number

    def _message(self, chat, language, kind, **content):
        body = {"message_id": next(self._numbers["message"]), "date": int(time.time())}
        where = {"id": chat, "type": kind, **({"first_name": "P"} if kind == "private" else {"title": "G"})}
        return self.push({"message": {**body, "chat": where, "from": _person(abs(chat), language), **content}})

    # ------------------------------------------------------------------------------------------- what came of it

    def wait(self, found, seconds=PATIENCE):
        """The first thing that is found; fails if there is none in time, or the bot asked what it may not."""
        with self.news:
            assert self.news.wait_for(lambda: found() or self.complaints, seconds), f"{found}: {self.calls[-5:]}"
            assert not self.complaints, self.complaints
            return found()

    def sent(self, chat):
        """The bot's messages in a chat as they are now."""
        return [m for m in list(self.messages.values()) if m["chat"]["id"] == chat]

    def wait_sent(self, chat, count, seconds=PATIENCE):
        """The last of at least so many messages in a chat."""
        self.wait(lambda: len(self.sent(chat)) >= count, seconds)
        return self.sent(chat)[count - 1]

    def ask(self, chat, text, language="en", answers=1):
        """Says something and waits for so many messages; returns the last."""
        count = len(self.sent(chat)) + answers
        self.say(chat, text, language)
        return self.wait_sent(chat, count)

    def of(self, method):
        return [call for call in self.calls if call.method == method]

    @property
    def unconfirmed(self):
        return sorted(self._updates)

    # ------------------------------------------------------------------------------------------- the API

    def answer(self, method, given):
        with self.news:
            if self.refusals.get(method):
                error = self.refusals[method].pop(0)
                self.calls.append(Call(method, given, error.body))
                self.news.notify_all()
                raise error
            checked = self._checked(method, given)
        result = getattr(self, f"_{method}")(**checked)
        with self.news:
            self.calls.append(Call(method, checked, result))
            self.news.notify_all()
        return result

    def _checked(self, method, given):
        if method not in METHODS:
            self._complain(f"no method {method}")
            raise Refused(404, "Not Found")
        required, optional = METHODS[method]
        known = {**required, **optional}
        for name in required:
            if name not in given:
                self._complain(f"{method} lacks {name}")
                raise Refused(400, f"Bad Request: {name} is empty")
        if odd := set(given) - set(known):
            self._complain(f"{method} has {odd}")
            raise Refused(400, f"Bad Request: {odd}")
        try:
            return {name: _typed(value, known[name]) for name, value in given.items()}
        except (ValueError, TypeError) as error:
            self._complain(f"{method}: {error}")
            raise Refused(400, f"Bad Request: {error}") from error

    def _complain(self, text):
        with self.news:
            self.complaints.append(text)
            self.news.notify_all()

    def _getMe(self):
        return {"id": 123456, "is_bot": True, "first_name": "Mira", "username": "mira_bot"}

    def _deleteWebhook(self, drop_pending_updates=False):
        assert not drop_pending_updates
        return True

    def _setMyCommands(self, commands, language_code="", scope=None):
        for command in commands:
            if not (1 <= len(command["command"]) <= 32 and 1 <= len(command["description"]) <= 256):
                self._complain(f"command {command}")
        return True

    def _getUpdates(self, offset=0, limit=PORTION, timeout=0, allowed_updates=()):
        with self.news:
            self._polls += 1
            mine = self._polls
            self.news.notify_all()
            for number in [n for n in self._updates if n < offset]:
                del self._updates[number]
            self.news.wait_for(lambda: self._updates or self._polls > mine or self.down, timeout)
            if self._polls > mine:
                raise Refused(409, "Conflict: terminated by other getUpdates request")
            return [self._updates[n] for n in sorted(self._updates)][:limit]

    def _sendMessage(self, chat_id, text, reply_markup=None, **_):
        self._check_text(text)
        body = {"message_id": next(self._numbers["message"]), "date": int(time.time())}
        message = {**body, "chat": {"id": chat_id, "type": "private", "first_name": "P"}, "text": text}
        return self._put({**message, **self._markup(reply_markup)})

    def _editMessageText(self, chat_id, message_id, text, reply_markup=None, **_):
        self._check_text(text)
        old = self._known(chat_id, message_id)
        new = {k: v for k, v in old.items() if k != "reply_markup"} | {"text": text} | self._markup(reply_markup)
        return self._changed(old, new)

    def _editMessageReplyMarkup(self, chat_id, message_id, reply_markup=None):
        old = self._known(chat_id, message_id)
        new = {k: v for k, v in old.items() if k != "reply_markup"} | self._markup(reply_markup)
        return self._changed(old, new)

    def _answerCallbackQuery(self, callback_query_id, text="", **_):
        if len(text) > 200:
            self._complain(f"a notice of {len(text)} characters")
        if callback_query_id not in self._queries:
            raise Refused(400, "Bad Request: query is too old and response timeout expired or query ID is invalid")
        self._queries[callback_query_id] = text
        return True

    def _getFile(self, file_id):
        if file_id not in self._files:
            raise Refused(400, "Bad Request: invalid file_id")
        if len(self._files[file_id]) > 20 << 20:
            raise Refused(400, "Bad Request: file is too big")
        return {"file_id": file_id, "file_unique_id": file_id, "file_path": f"documents/{file_id}"}

    def _sendChatAction(self, chat_id, action):
        assert action == "typing"
        return True

    def told(self, query):
        """What the person who pressed was told; None: nothing yet."""
        return self._queries[query]

    def content(self, path):
        return self._files.get(path.rsplit("/", 1)[-1])

    def _check_text(self, text):
        if not text.strip() or len(text.encode("utf-16-le")) > 2 * 4096:
            self._complain(f"a text of {len(text)} characters")
            raise Refused(400, "Bad Request: message is too long, or empty")

    def _markup(self, markup):
        if markup is None:
            return {}
        for button in itertools.chain(*markup["inline_keyboard"]):
            if not button["text"].strip() or not 1 <= len(button["callback_data"].encode()) <= 64:
                self._complain(f"button {button}")
        return {"reply_markup": markup} if markup["inline_keyboard"] else {}

    def _known(self, chat, message):
        found = self.messages.get(message)
        if found is None or found["chat"]["id"] != chat:
            raise Refused(400, "Bad Request: message to edit not found")
        return found

    def _changed(self, old, new):
        if old == new:
            raise Refused(400, "Bad Request: message is not modified")
        return self._put(new)

    def _put(self, message):
        with self.news:
            self.messages[message["message_id"]] = message
        return message


def buttons(message):
    """All buttons of a message."""
    return list(itertools.chain(*message.get("reply_markup", {"inline_keyboard": []})["inline_keyboard"]))


def labels(message):
    return [button["text"] for button in buttons(message)]


def _person(number, language):
    return {"id": number, "is_bot": False, "first_name": "P", "language_code": language}


def _typed(value, kind):
    """A field of a form as its type; objects and lists come as JSON."""
    if kind is TEXT:
        return value
    found = json.loads(value)
    if type(found) is not kind:
        raise TypeError(f"expected {kind.__name__}, got {value!r}")
    return found


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    telegram = None

    def do_GET(self):
        self._serve()

    def do_POST(self):
        self._serve()

    def _serve(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if self.telegram.down or len(body) < length:  # the bot was killed meanwhile
            self.close_connection = True
            return
        path = urllib.parse.unquote(self.path)
        prefix = f"/bot{TOKEN}/"
        if path.startswith(f"/file{prefix}"):
            content = self.telegram.content(path)
            return self._send(404 if content is None else 200, content or b"{}")
        if not path.startswith(prefix):
            return self._tell(Refused(401, "Unauthorized"))
        form = urllib.parse.parse_qs(body.decode(), keep_blank_values=True, strict_parsing=bool(body))
        method = path.removeprefix(prefix)
        try:
            result = self.telegram.answer(method, {name: values[0] for name, values in form.items()})
        except Refused as error:
            return self._tell(error)
        if method in self.telegram.lost_answers or self.telegram.down:
            self.telegram.lost_answers.discard(method)
            self.close_connection = True
            return None
        return self._send(200, json.dumps({"ok": True, "result": result}).encode())

    def _tell(self, error):
        self._send(error.code, json.dumps(error.body).encode())

    def _send(self, code, content):
        try:
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            self.close_connection = True

    def log_message(self, *_):
        pass
