"""Between the event loop and the model's thread: a question is handed over, its answer comes back."""

import asyncio
import contextlib

from persona_tf.chat.answer import Answer
from persona_tf.chat.asking import Ask
from persona_tf.chat.session import Question
from persona_tf.serving.model_thread import Job, ModelThread, TooLateError

_GRACE_S = 10.0


async def answer_to(model: ModelThread, question: Question) -> Answer:
    """The answer to a question for one; whoever waits no more takes back what was asked.

    Raises:
      NotReadyError, FullError, TooLateError: see `ModelThread`; whatever the bot raised.
    """
    loop = asyncio.get_running_loop()
    over: asyncio.Future[Answer] = loop.create_future()

    def settle(job: Job) -> None:
        if over.done():
            return
        if job.answer is not None:
            over.set_result(job.answer)
        else:
            over.set_exception(job.error or TooLateError("the bot gave no answer"))

    def done(job: Job) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(settle, job)

    [seed] = question.seeds
    job = model.submit(Ask(question.example, seed, model.bot.decode, told=False), done)
    try:
        # The model's thread gives up what takes too long; here only what it says nothing of.
        return await asyncio.wait_for(over, model.limits.seconds + _GRACE_S)
    except TimeoutError:
        raise TooLateError("the bot says nothing any more") from None
    finally:
        job.cancel()
