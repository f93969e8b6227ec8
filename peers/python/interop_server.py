"""The server's half of every case of ../interop: interop_server.py websockets|aiohttp.

It has a path for each way to compress, and prints its address, then how
connections were closed.
"""

import asyncio
import json
import sys
from urllib.parse import parse_qs, urlsplit

SUBPROTOCOLS = ["interop.example"]
PARTS = [letter * 100_000 for letter in "abc"]


def show(**line):
    print(json.dumps(line), flush=True)


async def serve_websockets():
    import websockets
    from websockets.exceptions import ConnectionClosed
    from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory as Deflate

    extensions = {
        "/none": [],
        "/takeover": [Deflate()],
        "/no-takeover": [Deflate(server_no_context_takeover=True, client_no_context_takeover=True)],
        "/bits9": [Deflate(server_max_window_bits=9, client_max_window_bits=9)],
    }

    class Protocol(websockets.WebSocketServerProtocol):
        async def process_request(self, path, headers):
            self.available_extensions = extensions[urlsplit(path).path]

    async def pong(ws):
        await (await ws.ping())
        await ws.send("pong")

    async def serve(ws):
        try:
            async for message in ws:
                if message == "!fragments":
                    await ws.send(PARTS)
                elif message == "!ping":
                    await pong(ws)
                elif message == "!close":
                    await ws.close(4002, "bye from the server")
                else:
                    await ws.send(message)
        except ConnectionClosed:
            pass  # the codes say the same
        (name,) = parse_qs(urlsplit(ws.path).query)["id"]
        show(id=name, code=ws.close_code, reason=ws.close_reason)

    server = await websockets.serve(
        serve,
        "127.0.0.1",
        0,
        create_protocol=Protocol,
        compression=None,
        extensions=[Deflate()],
        subprotocols=SUBPROTOCOLS,
        max_size=1 << 20,
    )
    host, port = server.sockets[0].getsockname()
    show(listening=f"{host}:{port}")


async def serve_aiohttp():
    from aiohttp import WSMsgType, web

    async def serve(request):
        # The library has one way to compress: the client's.
        compress = request.path != "/none"
        ws = web.WebSocketResponse(protocols=SUBPROTOCOLS, compress=compress, autoping=False, max_msg_size=2 << 20)
        await ws.prepare(request)
        code, reason = 0, ""
        while True:
            m = await ws.receive()
            if m.type == WSMsgType.PING:
                await ws.pong(m.data)
            elif m.type == WSMsgType.PONG:
                await ws.send_str("pong")
            elif m.type == WSMsgType.TEXT and m.data == "!fragments":
                await ws.send_str("!cannot")
            elif m.type == WSMsgType.TEXT and m.data == "!ping":
                await ws.ping(b"interop")
            elif m.type == WSMsgType.TEXT and m.data == "!close":
                await ws.close(code=4002, message=b"bye from the server")
                break
            elif m.type == WSMsgType.TEXT:
                await ws.send_str(m.data)
            elif m.type == WSMsgType.BINARY:
                await ws.send_bytes(m.data)
            else:
                if m.type == WSMsgType.CLOSE:
                    code, reason = m.data, m.extra or ""
                break
        show(id=request.query["id"], code=code, reason=reason)
        return ws

    app = web.Application()
    app.router.add_get("/{mode}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    show(listening=f"{host}:{port}")


async def main(serve):
    await serve()
    await asyncio.Future()


if __name__ == "__main__":
    import logging

    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    asyncio.run(main({"websockets": serve_websockets, "aiohttp": serve_aiohttp}[sys.argv[1]]))
