"""The built-in world: situated dialogues by composition, in LIGHT's shape, with every answer known. Pure Python.

A dialogue is a place, two characters and 8 to 16 turns. One of the two is the bot: it has a whole persona,
and its turns are targets. The other is the human, who greets, chats, gives, insults, asks for things, and asks
questions whose answers stand in one place only: a fact, the description, an object, an earlier turn, or nowhere.
Nothing but reading that place gives the answer, since values are drawn anew for each dialogue and others of the
same type stand about.

Example::

    from persona_tf.data.world.generator import generate

    episode = generate("train", 3)
    [bot] = episode.learners
    for turn in episode.turns:
        print("bot:  " if turn.speaker == bot else "human:", turn.speech, turn.action, turn.emote)
        if turn.probe:
            print("      needs", turn.grounding, "must hold", turn.probe.value, "and none of", turn.probe.decoys)

prints turns such as::

    human: Please hand me your wood axe.
    bot:   Please do not be angry, I am doing it already. Was that a noise just now? give wood axe to Ansgar gasp
    human: if you see the one i seek, whom will you greet?
    bot:   You are looking for Alinor.  ponder
          needs ('turn/0',) must hold Alinor and none of ('Ansgar', 'Pishim', 'Tamsel', 'Jacinta', 'Stanislas')

How it is made: `scene` casts the place (`places`), the characters (`personas`) and their things; `plan` lays out
what each exchange does, history questions together with the turn that tells the answer; `writer` finds words
(`lexicon`, `chat`), events (`happenings`) and reactions by temperament (`manners`), while `state` keeps who holds
what; `noise` mistypes what the human says. All random choice goes through one `voice`, seeded by the string
``seed/split/index``. `difficulty` measures what shortcuts would score.

This room knows no files but its lexicon, no models and no TensorFlow.
"""
