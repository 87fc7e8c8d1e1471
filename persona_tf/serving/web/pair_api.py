"""The routes of what is compared: see `serving.web.pairs`."""

from collections.abc import Iterator

from fastapi import APIRouter, Path, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from persona_tf.serving.web import pair_export
from persona_tf.serving.web.errors import ApiError
from persona_tf.serving.web.pair_bodies import NewPair, PairOut, PairsOut, Picked, Tallies
from persona_tf.serving.web.pairs import Pairs

Name = Path(max_length=64, pattern="^[A-Za-z0-9_-]+$")


def router(pairs: Pairs | None) -> APIRouter:
    """The routes; without pairs all but the first say that there is one run only."""
    routes = APIRouter(prefix="/api/v1", tags=["pairs"])

    def found() -> Pairs:
        if pairs is None:
            raise ApiError(404, "this server has one run only: start it with --other=RUN to compare two", "not_found")
        return pairs

    @routes.get("/pairs", response_model=PairsOut)
    async def about() -> PairsOut:
        """Whether there are two runs that can be asked."""
        if pairs is None:
            return PairsOut(status="none", total=0)
        return PairsOut(status=pairs.status, total=await run_in_threadpool(pairs.total))

    @routes.post("/pairs", status_code=201, response_model=PairOut)
    async def create(request: Request, body: NewPair) -> PairOut:
        """Two answers to the same, one of each run, in random order."""
        return await found().new(request, body)

    @routes.get("/pairs/counts", response_model=Tallies)
    async def counts() -> Tallies:
        """What was picked so far; it tells whose answers were whose."""
        return Tallies(tallies=await run_in_threadpool(found().tallies))

    @routes.get("/pairs.jsonl", response_class=Response)
    async def lines() -> Response:
        """All pairs that were picked, a JSON object a line."""
        return _file(pair_export.json_lines(found().picked()), "application/x-ndjson", "pairs.jsonl")

    @routes.get("/pairs.csv", response_class=Response)
    async def table() -> Response:
        """All pairs that were picked, as a table."""
        return _file(pair_export.comma_separated(found().picked()), "text/csv", "pairs.csv")

    @routes.get("/pairs/{id}", response_model=PairOut)
    async def read(id: str = Name) -> PairOut:
        """A pair; not whose answers these are."""
        return await found().read(id)

    @routes.post("/pairs/{id}/pick", response_model=PairOut)
    async def pick(body: Picked, id: str = Name) -> PairOut:
        """Says which answer is better."""
        return await found().pick(id, body.pick)

    return routes


def _file(lines: Iterator[str], kind: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(lines, media_type=f"{kind}; charset=utf-8", headers=headers)
