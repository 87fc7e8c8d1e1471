"""What the bot says beside the conversation, in English and in Russian."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Texts:
    """One language. ``menu``: the commands, and what they do; ``verbs``: of `/persona`, as people type them."""

    menu: Mapping[str, str]
    verbs: Mapping[str, str]
    nothing: tuple[str, ...]
    help: str
    meet: str
    meet_nobody: str
    stand: str
    nowhere: str
    carrying: str
    wearing: str
    wielding: str
    begin: str
    anew: str
    no_command: str
    no_name: str
    persona: str
    no_facts: str
    persona_usage: str
    added: str
    same_fact: str
    changed: str
    removed: str
    cleared: str
    named: str
    drawn: str
    not_drawn: str
    no_fact: str
    fact_too_long: str
    name_too_long: str
    too_many_facts: str
    fact_empty: str
    place: str
    place_set: str
    place_gone: str
    place_usage: str
    place_too_long: str
    too_much: str
    card: str
    card_usage: str
    card_photo: str
    card_large: str
    card_lost: str
    card_wrong: str
    card_left_out: str
    card_book_large: str
    undone: str
    undone_unsaid: str
    nothing_to_undo: str
    no_memory: str
    memory: str
    memory_empty: str
    memory_more: str
    memory_usage: str
    owners: Mapping[str, str]
    owner_words: Mapping[str, str]
    made_up: str
    remembered: str
    remembered_instead: str
    not_remembered: str
    forgotten: str
    pinned: str
    let_go: str
    no_known_fact: str
    simple: str
    validation: str
    offer: str
    answer: str
    none_ticked: str
    qualities: Mapping[str, str]
    old_button: str
    empty: str
    unreadable: str
    full: str
    busy: str
    late: str
    marked: str
    blocked: str
    too_fast: str
    failed: str


ENGLISH = Texts(
    menu={
        "start": "begin the conversation anew",
        "help": "what I understand",
        "persona": "whom I play: list, add, edit, remove facts",
        "place": "where we are",
        "card": "play a character card",
        "memory": "what I remember: list, add, edit, pin, forget",
        "undo": "take back the last exchange",
        "simple": "just talk",
        "validation": "choose the facts of each reply, and rate it",
    },
    verbs={
        "list": "list",
        "add": "add",
        "edit": "edit",
        "remove": "remove",
        "delete": "remove",
        "name": "name",
        "clear": "clear",
        "random": "random",
        "pin": "pin",
        "forget": "remove",
    },
    nothing=("none", "nowhere"),
    help="""Write to me, and I answer as whom I play. You may say what you do and show: Good day! *hug Mira* (smile)

/start: the conversation begins anew
/persona: whom I play
  /persona add I bake bread.
  /persona edit 2 My cat is called Fig.
  /persona remove 2
  /persona name Mira
  /persona clear
  /persona random: somebody else
  /persona and then one fact a line: these and no others
/place: where we are
  /place Mill: It is old. It leans.
  /place none
/card: play a character card
/memory: what I remember
  /memory add I like rain. (you: of you, here: of the place)
  /memory edit 3 My mare is called Bella.
  /memory pin 3
  /memory forget 3
/undo: take back the last exchange
/validation: before each reply you tick the facts that it should use; then you rate it
/simple: just talk
/help: this list

Another persona or place begins the conversation anew. What is said here is kept and may be used for training.""",
    meet="You meet {name}.",
    meet_nobody="I am nobody yet: /persona add tells me who I am.",
    stand="We are here: {place}",
    nowhere="We are nowhere in particular.",
    carrying="Carrying: {things}",
    wearing="Wearing: {things}",
    wielding="Wielding: {things}",
    begin="Say something! /help lists what I understand.",
    anew="The conversation begins anew.",
    no_command="There is no command /{name}. /help lists them.",
    no_name="no name",
    persona="I am {name}.",
    no_facts="Nothing is known of me. Tell me something: /persona add I bake bread.",
    persona_usage="I did not understand that. Expected /persona alone, or with add, edit, remove, name, clear or "
    "random. Such as: /persona add I bake bread.",
    added="Added.",
    same_fact="I know that already: {fact}",
    changed="Changed.",
    removed="Removed.",
    cleared="All facts are removed.",
    named="I am {name} now.",
    drawn="Now I am somebody else.",
    not_drawn="I know nobody to draw from: write the facts yourself, with /persona add",
    no_fact="There is no fact {number}. /persona shows their numbers.",
    fact_too_long="A fact has at most {most} characters, this one has {count}. Make several facts of it.",
    name_too_long="A name has at most {most} characters, this one has {count}. Take a shorter one.",
    too_many_facts="There can be at most {most} facts. Remove some first: /persona remove 1",
    fact_empty="Expected a fact after it. Such as: /persona add I bake bread.",
    place="Where we are: {place}",
    place_set="Now we are here: {place}",
    place_gone="Now we are nowhere in particular.",
    place_usage="Expected a name, and after a colon what it is like. Such as: /place Mill: It is old. It leans.",
    place_too_long="A place has a name of at most {name} characters, and at most {count} sentences of {most} "
    "characters. Make it shorter.",
    too_much="That is too much to know: leave some facts or sentences out.",
    card="Now I am {name}.",
    card_usage="Send me a character card, a .json or .png file, and I play it. A .png must be sent as a file, not as a "
    "photo.",
    card_photo="In a photo Telegram leaves out the card. Send the picture as a file (attach, then File).",
    card_large="The file is larger than {most} MB, which is all that Telegram gives to bots. Send a smaller one, such "
    "as the .json.",
    card_lost="Telegram does not give me this file. Send it once more.",
    card_wrong="That is no card that I can read: {why}",
    card_left_out="{count} of its sentences were left out: it tells too much.",
    card_book_large="Its lorebook was left out: it is too large.",
    undone="Taken back: {text}",
    undone_unsaid="Taken back: {text} (it was not answered yet)",
    nothing_to_undo="Nothing was said yet that could be taken back.",
    no_memory="I have no memory here: what finds facts was not named when I was started (--retriever).",
    memory="What I remember (📌: known at every answer):",
    memory_empty="I remember nothing yet.",
    memory_more="… and {count} older facts",
    memory_usage="I did not understand that. Expected /memory alone, or with add, edit, pin or forget. "
    "Such as: /memory forget 3",
    owners={"self": "I", "partner": "you", "world": "here"},
    owner_words={"you": "partner", "here": "world"},
    made_up="(made up)",
    remembered="Remembered: {fact}",
    remembered_instead="Remembered: {fact} No more: {others}",
    not_remembered="Not remembered: {fact} It contradicts: {others}",
    forgotten="Forgotten: {fact}",
    pinned="Known at every answer: {fact}",
    let_go="Known where it suits: {fact}",
    no_known_fact="I remember no fact {number}. /memory shows their numbers.",
    simple="From now on I just answer. /validation goes back.",
    validation="From now on I show you some facts before each reply: tick those that it should use. Then rate it. "
    "/simple goes back.",
    offer="Which of these suit a reply to “{text}”? Tick them, then press Answer.",
    answer="Answer",
    none_ticked="(none)",
    qualities={"logical": "logical", "specific": "specific", "personal": "personal"},
    old_button="This button is too old: the conversation went on. Use the newest ones, or write to me.",
    empty="There is nothing in it. Write some words.",
    unreadable="I read text only. Write it to me.",
    full="The conversation is very long now. /start begins another.",
    busy="Too many are talking to me right now. Say it again in a moment.",
    late="That took me too long. Say it again.",
    marked="⚠ This may offend.",
    blocked="⚠ What was to be said is kept back: it may offend.",
    too_fast="That is too fast for me: I have not read your last messages. Wait for my answers, then go on.",
    failed="Something went wrong here, and what you did was not kept. Try it again.",
)

RUSSIAN = Texts(
    menu={
        "start": "начать разговор заново",
        "help": "что я понимаю",
        "persona": "кто я: показать, добавить, изменить, убрать факты",
        "place": "где мы",
        "card": "сыграть карточку персонажа",
        "memory": "что я помню: показать, добавить, изменить, закрепить, забыть",
        "undo": "взять назад последнюю реплику",
        "simple": "просто говорить",
        "validation": "выбирать факты для ответов и оценивать их",
    },
    verbs={
        "список": "list",
        "добавить": "add",
        "добавь": "add",
        "изменить": "edit",
        "измени": "edit",
        "убрать": "remove",
        "убери": "remove",
        "удалить": "remove",
        "удали": "remove",
        "имя": "name",
        "очистить": "clear",
        "случайный": "random",
        "другой": "random",
        "закрепить": "pin",
        "закрепи": "pin",
        "забыть": "remove",
        "забудь": "remove",
    },
    nothing=("нет", "нигде"),
    help="""Пишите мне, и я отвечу от лица своего персонажа. Можно показать, что вы делаете: Привет! *hug Mira* (smile)

/start: начать разговор заново
/persona: кто я
  /persona добавить Я пеку хлеб.
  /persona изменить 2 Мою кошку зовут Муся.
  /persona убрать 2
  /persona имя Мира
  /persona очистить
  /persona случайный: кто-нибудь другой
  /persona и затем по факту на строке: только эти факты
/place: где мы
  /place Мельница: Она старая. Она покосилась.
  /place нет
/card: сыграть карточку персонажа
/memory: что я помню
  /memory добавить Я люблю дождь. (вы: о вас, здесь: о месте)
  /memory изменить 3 Мою кошку зовут Муся.
  /memory закрепить 3
  /memory забыть 3
/undo: взять назад последнюю реплику
/validation: перед каждым ответом вы отмечаете подходящие факты, потом оцениваете ответ
/simple: просто говорить
/help: эта справка

Новый персонаж или новое место начинают разговор заново. Сказанное здесь сохраняется и может пойти на обучение.""",
    meet="Перед вами {name}.",
    meet_nobody="Пока я никто: расскажите, кто я, командой /persona добавить",
    stand="Мы здесь: {place}",
    nowhere="Мы нигде.",
    carrying="В руках: {things}",
    wearing="Одежда: {things}",
    wielding="Оружие: {things}",
    begin="Скажите что-нибудь! Что я понимаю: /help",
    anew="Разговор начинается заново.",
    no_command="Команды /{name} нет. Все команды: /help",
    no_name="без имени",
    persona="Я: {name}.",
    no_facts="Обо мне ничего не известно. Расскажите: /persona добавить Я пеку хлеб.",
    persona_usage="Не понимаю. Ожидается /persona без слов или со словом добавить, изменить, убрать, имя, очистить, "
    "случайный. Например: /persona добавить Я пеку хлеб.",
    added="Добавлено.",
    same_fact="Это я уже знаю: {fact}",
    changed="Изменено.",
    removed="Убрано.",
    cleared="Все факты убраны.",
    named="Теперь моё имя {name}.",
    drawn="Теперь я кто-то другой.",
    not_drawn="Мне не из кого выбирать: напишите факты сами, командой /persona добавить",
    no_fact="Факта {number} нет. Номера показывает /persona",
    fact_too_long="В факте может быть не больше {most} знаков, в этом {count}. Разделите его на несколько.",
    name_too_long="В имени может быть не больше {most} знаков, в этом {count}. Возьмите короче.",
    too_many_facts="Фактов может быть не больше {most}. Сначала уберите лишние: /persona убрать 1",
    fact_empty="Ожидается факт. Например: /persona добавить Я пеку хлеб.",
    place="Где мы: {place}",
    place_set="Теперь мы здесь: {place}",
    place_gone="Теперь мы нигде.",
    place_usage="Ожидается название, а после двоеточия описание. Например: /place Мельница: Она старая.",
    place_too_long="В названии места может быть не больше {name} знаков, в описании не больше {count} предложений по "
    "{most} знаков. Сократите.",
    too_much="Столько знать нельзя: уберите часть фактов или предложений.",
    card="Теперь я {name}.",
    card_usage="Пришлите карточку персонажа, файл .json или .png, и я её сыграю. Картинку .png надо послать файлом, а "
    "не фотографией.",
    card_photo="Из фотографий Telegram убирает карточку. Пришлите картинку файлом (скрепка, затем Файл).",
    card_large="Файл больше {most} МБ, столько Telegram ботам не даёт. Пришлите поменьше, например .json.",
    card_lost="Telegram не отдаёт мне этот файл. Пришлите его ещё раз.",
    card_wrong="Эту карточку я прочесть не могу: {why}",
    card_left_out="Предложений не вошло: {count}, карточка слишком длинная.",
    card_book_large="Книга знаний не вошла: она слишком большая.",
    undone="Взято назад: {text}",
    undone_unsaid="Взято назад: {text} (ответа ещё не было)",
    nothing_to_undo="Пока не сказано ничего, что можно взять назад.",
    no_memory="Памяти у меня здесь нет: при запуске не указано, чем искать факты (--retriever).",
    memory="Что я помню (📌: помню при каждом ответе):",
    memory_empty="Пока я ничего не помню.",
    memory_more="… и более старых фактов: {count}",
    memory_usage="Не понимаю. Ожидается /memory без слов или со словом добавить, изменить, закрепить, забыть. "
    "Например: /memory забыть 3",
    owners={"self": "я", "partner": "вы", "world": "здесь"},
    owner_words={"вы": "partner", "здесь": "world"},
    made_up="(выдумано)",
    remembered="Теперь помню: {fact}",
    remembered_instead="Теперь помню: {fact} Больше не помню: {others}",
    not_remembered="Это я не запоминаю: {fact} Оно противоречит: {others}",
    forgotten="Забыто: {fact}",
    pinned="Помню при каждом ответе: {fact}",
    let_go="Помню, когда к месту: {fact}",
    no_known_fact="Факта {number} я не помню. Номера показывает /memory",
    simple="Теперь я просто отвечаю. Обратно: /validation",
    validation="Теперь перед каждым ответом я показываю факты: отметьте те, что подходят, а потом оцените ответ. "
    "Обратно: /simple",
    offer="Какие факты подходят для ответа на «{text}»? Отметьте их и нажмите «Ответить».",
    answer="Ответить",
    none_ticked="(ни одного)",
    qualities={"logical": "логично", "specific": "конкретно", "personal": "в образе"},
    old_button="Эта кнопка устарела: разговор ушёл дальше. Нажмите новые кнопки или напишите мне.",
    empty="Здесь ничего нет. Напишите что-нибудь.",
    unreadable="Я читаю только текст. Напишите мне словами.",
    full="Разговор стал очень длинным. Начать другой: /start",
    busy="Сейчас со мной говорят слишком многие. Повторите чуть позже.",
    late="Я слишком долго думаю. Повторите, пожалуйста.",
    marked="⚠ Это может обидеть.",
    blocked="⚠ Ответ не показан: он может обидеть.",
    too_fast="Слишком быстро: последние сообщения я не прочитал. Дождитесь моих ответов и пишите дальше.",
    failed="Здесь что-то сломалось, и последнее не сохранилось. Попробуйте ещё раз.",
)

ALL: Mapping[str, Texts] = {"en": ENGLISH, "ru": RUSSIAN}


def texts_of(language: str) -> Texts:
    """Those for a person whose app has this language, an IETF tag or "": English where there are no others.

    >>> texts_of("ru-RU") is RUSSIAN, texts_of("") is ENGLISH
    (True, True)
    """
    return ALL.get(language.replace("_", "-").split("-")[0].lower(), ENGLISH)


VERBS: Mapping[str, str] = {**ENGLISH.verbs, **RUSSIAN.verbs}
"""Of `/persona` in all languages: who writes Russian may have an English app."""

OWNERS: Mapping[str, str] = {**ENGLISH.owner_words, **RUSSIAN.owner_words}
"""Whom a fact is about, as people begin it: see `retrieval.memory.facts.OWNERS`."""

NOTHING: tuple[str, ...] = (*ENGLISH.nothing, *RUSSIAN.nothing)
"""Stands for no place."""
