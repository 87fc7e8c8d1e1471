"""What a conversation knows outside the model: facts that are found, kept and learned.

    facts            a fact with its owner, source and turn; what became of one that was added
    words            a fact's words, as far as they can say that two facts are one or contradict each other
    relation         whether two facts are the same, contradict each other, or neither
    store            the SQLite file
    fact_memory      the facts of one conversation: add, list, pin, edit, remove, search
    exchange         a line of the training schema <-> facts

Knows no dialogue data, no generator and no transport. An encoder is whatever has the three methods of
`fact_memory.FactEncoder`.
"""
