"""An echo server on /echo with python-websockets: server.py PORT none|nct|ct."""

import asyncio
import sys

import websockets
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory


async def echo(ws, *_):
    async for message in ws:
        await ws.send(message)


async def main(port, deflate):
    extensions = []
    if deflate != "none":
        nct = deflate == "nct"
        extensions = [ServerPerMessageDeflateFactory(server_no_context_takeover=nct, client_no_context_takeover=nct)]
    async with websockets.serve(
        echo, "127.0.0.1", port, compression=None, extensions=extensions, max_size=32 << 20
    ) as server:
        bound = server.sockets[0].getsockname()[1]
        print(f"listening on http://127.0.0.1:{bound}", file=sys.stderr, flush=True)
        await asyncio.Future()


if __name__ == "__main__":
    import logging

    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    asyncio.run(main(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "none"))
