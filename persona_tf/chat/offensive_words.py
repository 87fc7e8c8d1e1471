"""Words that offend, English and Russian, in a text: obscenities and slurs. What is rude without them is not found.

English ones are those of glin-profanity (MIT), which also reads ``f.u.c.k`` and ``sh1t``. Its Russian ones are words of
one form each, and take bread for what it is not; Russian obscenities are few roots in thousands of words, so that they
are found by root here.
"""

import re

_HARMLESS = (
    "ass", "cock", "cocks", "hoe", "tit", "tits", "butt", "poof", "spunk", "eunuch", "twinkie",
    "bs", "mf", "suck", "sucks", "snatch", "grope", "nude", "escort", "bondage", "domination", "topless", "undressing",
    "tied up", "how to kill", "how to murder", "girl on", "tongue in a", "taste my", "huge fat", "big black",
)  # fmt: skip
"""Of the library's list: animals, tools, and what any story may tell."""

_BEFORE = (
    "(?:в|въ|вы|до|за|из|изъ|на|не|ни|о|об|объ|от|отъ|пере|по|под|подъ|при|про|раз|разъ|рас|с|съ|у|долбо|мозго|худо)?"
)
_RUSSIAN = re.compile(
    rf"\b(?:{_BEFORE}(?:"
    r"ху[йеяию]\w*|пизд\w*|(?<!\bс)(?<!\bв)(?<!\bпод)еб(?:[аеилнуцш]\w*|ок\w*|ыв\w*|ырь\w*)?|бляд\w*"
    r"|муд(?:а[кч]|о[зхф]|ил|ищ)\w*)"
    r"|бля|блять|манд(?:а|ы|е|у|ой|авош\w*)|пид[оа]р\w*|г[ао]ндон\w*|залуп\w*|дроч(?:[икау]|ер)\w*|шлю[хш]\w*"
    r"|говн\w*|жоп\w*|черножоп\w*|сука|сукой|сукин\w*|сучар\w*|ублюд(?:ок|к)\w*"
    r"|жид(?:ы|ов|ам|ами|ах|овк\w*|яр\w*)?|ниггер\w*|пиндос\w*)\b"
)


class OffensiveWords:
    """Finds them.

    Raises:
      ValueError: glin-profanity is not installed; the message says how to get it.
    """

    def __init__(self) -> None:
        try:
            from glin_profanity import Filter
        except ModuleNotFoundError as error:
            raise ValueError(
                "offensive words are known to glin-profanity: pip install 'persona_tf[filter]', or make setup"
            ) from error
        self._english = Filter({"languages": ["english"], "ignore_words": list(_HARMLESS)})

    def found(self, text: str) -> tuple[str, ...]:
        """Those of a text, in small letters; a long text takes milliseconds.

        >>> OffensiveWords().found("Shit! I sold the cock and the ass, и хлеб, бля.")
        ('shit', 'бля')
        """
        english = self._english.check_profanity(text)["profane_words"]
        russian = _RUSSIAN.findall(text.lower().replace("ё", "е"))
        return tuple(dict.fromkeys(word.lower() for word in (*english, *russian)))
