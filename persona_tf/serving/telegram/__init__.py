"""The Telegram bot: updates in, messages out. Knows no model: one thread has it, see `serving.model_thread`.

    getUpdates -polling-> inbox -queues-> host -sender-> sendMessage

What Telegram has handed over is in the inbox before Telegram forgets it; what is answered is in the conversation's file
before it is sent.
"""
