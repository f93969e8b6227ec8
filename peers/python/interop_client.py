"""The client's half of every case of ../interop: interop_client.py websockets|aiohttp ws://HOST:PORT."""

import asyncio
import json
import sys

TEXT, BINARY, CLOSED = "text", "binary", "closed"


class Cannot(Exception):
    """The library has no interface for it."""


class Websockets:
    """A connection of the library websockets."""

    @classmethod
    async def open(cls, url, mode):
        import websockets
        from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory as Deflate

        nct = mode == "no-takeover"
        bits = 9 if mode == "bits9" else None
        deflate = Deflate(
            server_no_context_takeover=nct,
            client_no_context_takeover=nct,
            server_max_window_bits=bits,
            client_max_window_bits=bits or True,
        )
        self = cls()
        self.ws = await websockets.connect(
            url,
            compression=None,
            extensions=None if mode == "none" else [deflate],
            subprotocols=["other.example", "interop.example"],
            max_size=1 << 20,
        )
        self.subprotocol = self.ws.subprotocol
        return self

    async def send(self, data):
        await self.ws.send(data)

    async def send_fragments(self, parts):
        await self.ws.send(parts)

    async def receive(self):
        from websockets.exceptions import ConnectionClosed

        try:
            data = await self.ws.recv()
        except ConnectionClosed:
            return CLOSED, (self.ws.close_code, self.ws.close_reason)
        return (TEXT if isinstance(data, str) else BINARY), data

    async def ping(self):
        await (await self.ws.ping())

    async def close(self, code, reason):
        await self.ws.close(code, reason)
        return self.ws.close_code

    async def end(self):
        await self.ws.close()


class Aiohttp:
    """A connection of the library aiohttp."""

    @classmethod
    async def open(cls, url, mode):
        import aiohttp

        self = cls()
        self.http = aiohttp.ClientSession()
        # The library cannot ask for no takeover: it takes what is answered.
        compress = {"none": 0, "bits9": 9}.get(mode, 15)
        try:
            self.ws = await self.http.ws_connect(
                url, protocols=("other.example", "interop.example"), compress=compress, autoping=False, max_msg_size=2 << 20
            )
        except BaseException:
            await self.http.close()
            raise
        self.subprotocol = self.ws.protocol
        return self

    async def send(self, data):
        await (self.ws.send_str(data) if isinstance(data, str) else self.ws.send_bytes(data))

    async def send_fragments(self, parts):
        raise Cannot

    async def receive(self):
        from aiohttp import WSMsgType

        while True:
            m = await self.ws.receive()
            if m.type == WSMsgType.PING:
                await self.ws.pong(m.data)
            elif m.type == WSMsgType.PONG:
                self.pong = m.data
                return "pong", m.data
            elif m.type == WSMsgType.TEXT:
                return TEXT, m.data
            elif m.type == WSMsgType.BINARY:
                return BINARY, m.data
            else:
                return CLOSED, (m.data, m.extra)

    async def ping(self):
        await self.ws.ping(b"interop")
        kind, _ = await self.receive()
        if kind != "pong":
            raise AssertionError(f"want a pong, got {kind}")

    async def close(self, code, reason):
        await self.ws.close(code=code, message=reason.encode())
        return self.ws.close_code

    async def end(self):
        await self.ws.close()
        await self.http.close()


def show(data):
    shown = repr(data)
    return shown if len(shown) < 80 else f"{shown[:60]}… ({len(data)})"


async def want(ws, data):
    kind, got = await ws.receive()
    if kind == TEXT and got.startswith("!cannot"):
        raise Cannot
    if kind == CLOSED or got != data:
        raise AssertionError(f"want {show(data)}, got {kind} {show(got)}")


def exchange(*messages):
    async def run(ws):
        for m in messages:
            await ws.send(m)
            await want(ws, m)

    return run


EVERY_BYTE = bytes(range(256))
PARTS = [letter * 100_000 for letter in "abc"]


def block():
    """1 KiB that is not repeated in itself."""
    x, letters = 1, []
    for _ in range(1024):
        x = (x * 1664525 + 1013904223) & 0xFFFFFFFF
        letters.append(chr(97 + (x >> 24) % 16))
    return "".join(letters)


BLOCK = block()
COMPRESSIBLE = exchange(*[BLOCK] * 40, BLOCK * 20, (BLOCK * 1024).encode())


async def client_fragments(ws):
    await ws.send_fragments(PARTS)
    await want(ws, "".join(PARTS))


async def server_fragments(ws):
    await ws.send("!fragments")
    await want(ws, "".join(PARTS))


async def client_ping(ws):
    await ws.ping()


async def server_ping(ws):
    await ws.send("!ping")
    await want(ws, "pong")


async def client_close(ws):
    code = await ws.close(4001, "bye from the client")
    if code != 4001:
        raise AssertionError(f"want code 4001 back, got {code}")


async def server_close(ws):
    await ws.send("!close")
    got = await ws.receive()
    if got != (CLOSED, (4002, "bye from the server")):
        raise AssertionError(f"want closed with 4002, got {got}")


async def subprotocol(ws):
    if ws.subprotocol != "interop.example":
        raise AssertionError(f"the subprotocol is {ws.subprotocol!r}")


CASES = [
    ("text", "none", exchange("héllo ☃ 𝄞")),
    ("binary", "none", exchange(EVERY_BYTE)),
    ("empty", "none", exchange("", b"")),
    ("large", "none", exchange(EVERY_BYTE * 4096)),
    ("client-fragments", "none", client_fragments),
    ("server-fragments", "none", server_fragments),
    ("client-ping", "none", client_ping),
    ("server-ping", "none", server_ping),
    ("client-close", "none", client_close),
    ("server-close", "none", server_close),
    ("subprotocol", "none", subprotocol),
    ("takeover", "takeover", COMPRESSIBLE),
    ("no-takeover", "no-takeover", COMPRESSIBLE),
    ("bits9", "bits9", COMPRESSIBLE),
]


async def run_case(library, base, name, mode, run):
    ws = await library.open(f"{base}/{mode}?id={name}", mode)
    try:
        await run(ws)
    finally:
        await ws.end()


async def main(library, base):
    for name, mode, run in CASES:
        report = {"case": name}
        try:
            await asyncio.wait_for(run_case(library, base, name, mode, run), 10)
        except Cannot:
            report["cannot"] = True
        except Exception as e:
            report["error"] = f"{type(e).__name__}: {e}"
        print(json.dumps(report), flush=True)


if __name__ == "__main__":
    asyncio.run(main({"websockets": Websockets, "aiohttp": Aiohttp}[sys.argv[1]], sys.argv[2]))
