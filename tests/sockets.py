"""A browser's end of a progress socket."""

import json

from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator

from ticketgen.asgi import websocket_urlpatterns


class Browser:
    """One socket, as a browser has it; collects messages, batches unpacked."""

    def __init__(self, address, user):
        async def signed_in(scope, receive, send):
            await URLRouter(websocket_urlpatterns)({**scope, "user": user}, receive, send)

        self.socket = WebsocketCommunicator(signed_in, address)

    async def __aenter__(self):
        connected, _ = await self.socket.connect(timeout=5)
        assert connected
        return self

    async def __aexit__(self, *_):
        await self.socket.disconnect()

    async def messages(self, until=lambda message: False, seconds=6):
        """Messages until one fits, the socket closes (a ``closed`` message ends the list), or nothing comes."""
        heard = []
        while True:
            try:
                event = await self.socket.receive_output(timeout=seconds)
            except TimeoutError:
                return heard
            if event["type"] == "websocket.close":
                return [*heard, {"type": "closed", "code": event.get("code")}]
            frame = json.loads(event["text"])
            for message in frame["messages"] if frame["type"] == "batch" else [frame]:
                heard.append(message)
                if until(message):
                    return heard


def seqs(messages):
    return [
        message["seq"] for message in messages if message["type"] in {"progress", "completed", "error", "cancelled"}
    ]
