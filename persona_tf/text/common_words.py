"""Words that tell little: those that carry no fact, and those that many facts share. English and Russian."""

EMPTY_EN = frozenset(
    """
    a an the this that these those here there
    i me my mine myself you your yours yourself he him his himself she her hers herself it its itself
    we us our ours ourselves they them their theirs themselves one ones
    who whom whose which what where when why how
    and or but nor so if then than because as while though although until unless
    of in on at to from by for with without about into onto over under up down out off through between after before
    during against among upon across near around behind beside toward towards within
    be am is are was were been being do does did done doing have has had having
    can could will would shall should may might must ought let
    not no never none nobody nothing neither n t s m d ll re ve don doesn didn isn aren wasn weren won wouldn couldn
    shouldn hasn haven hadn cannot
    all any both each every either few many more most much some such other another own same several enough lot lots
    only just even too also very really quite rather still yet already ever always often sometimes usually again now
    soon today away back else almost perhaps maybe
    yes yeah yep ok okay oh ah well hi hello hey thanks thank please sorry lol haha wow
    somebody someone something anybody anyone anything everybody everyone everything
    """.split()
)
"""English words that carry no fact, as they are written and as lemmas."""

COMMON_EN = frozenset(
    """
    like love enjoy hate prefer want wish hope need think know believe feel say tell ask speak talk call name mean
    seem look see hear listen get give take bring make go come keep put hold lay find lose try use start begin end stop
    finish live work spend pay buy become stay wait leave turn sit stand walk run fall rise happen help show let meet
    good great nice bad poor big small little tiny new old young long short high low whole true right wrong sure hard
    easy happy sad first last next left favorite favourite best better
    thing way kind sort part place time moment hour day night morning evening week month year once twice ago
    man woman people person folk life world home house room door street road hand finger arm head face eye heart
    friend word question answer
    two three four five six seven eight nine ten hundred thousand half pair
    """.split()
)
"""English lemmas that many facts share: alone they are no sign of one."""

EMPTY_RU = frozenset(
    """
    быть есть нет да ага угу ок привет пока спасибо пожалуйста здравствовать
    очень тоже также ещё уже только просто сейчас теперь потом тут там здесь где когда куда откуда как так почему
    зачем всегда никогда иногда часто редко обычно вообще совсем почти более больше менее меньше много мало немного
    можно нужно надо
    """.replace("ё", "е").split()
)
"""Russian lemmas that carry no fact, besides those whose part of speech says so."""

COMMON_RU = frozenset(
    """
    любить нравиться обожать хотеть мочь уметь знать думать считать мечтать иметь стать делать заниматься увлекаться
    работать жить ходить идти ездить играть учиться смотреть слушать говорить сказать звать видеть понимать
    пойти поехать прийти взять дать начать найти купить помогать проводить предпочитать
    хороший плохой большой больший меньший маленький новый старый любимый первый последний разный интересный
    хорошо плохо сильно долго скоро недавно рано поздно завтра сегодня вчера
    год день ночь утро вечер неделя месяц время раз дело вещь место человек люди жизнь мир
    один два три четыре пять шесть семь восемь девять десять двое трое оба несколько
    """.split()
)
"""Russian lemmas that many facts share: alone they are no sign of one."""
