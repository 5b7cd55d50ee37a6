"""The caller's own notifications, live."""

from typing import Annotated, Any

from fastapi import APIRouter, Header
from starlette.responses import StreamingResponse

from app.api.deps import CurrentRuntime, Reader
from app.api.problems import problems
from app.api.streams import EventStream, Frame, News, Pace
from app.api.strict import StrictRoute
from app.errors import Overloaded, TooManyStreams
from app.outbox.notifications import Notification

router = APIRouter(prefix="/v1/events", tags=["notifications"], route_class=StrictRoute)

LastEventId = Annotated[int, Header(ge=0, le=10_000_000_000)]
"""The number of the last event that the client has, as browsers send it when they come back."""

EVENT_STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}

_PAGE = 200


@router.get("", response_class=StreamingResponse, responses={**EVENT_STREAM, **problems(TooManyStreams, Overloaded)})
async def stream_notifications(caller: Reader, runtime: CurrentRuntime, last_event_id: LastEventId = 0) -> EventStream:
    """Everything that was published for you, then what happens; ``Last-Event-ID`` resumes."""
    feed, outbox = (caller.book, caller.user_id), runtime.outbox
    last = await outbox.last_number(*feed)
    seen = last_event_id if last_event_id <= last else 0  # a number that is not of this feed: better twice than never

    async def look(seen: int) -> News:
        told = await outbox.feed(*feed, seen, _PAGE)
        return News([_frame(each) for each in told], is_more=len(told) == _PAGE)

    return EventStream(runtime.streams.admit(caller.stored_user_id), look, seen, Pace(runtime.settings.poll_s))


def _frame(notification: Notification) -> Frame:
    return Frame(notification.seq, notification.type, notification.content)
