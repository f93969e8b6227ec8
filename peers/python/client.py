"""A driver for wye conform --listen with python-websockets: client.py URL none|nct|ct."""

import asyncio
import logging
import sys

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory


def options(deflate):
    extensions = []
    if deflate != "none":
        nct = True if deflate == "nct" else False
        extensions = [
            ClientPerMessageDeflateFactory(
                server_no_context_takeover=nct, client_no_context_takeover=nct, client_max_window_bits=True
            )
        ]
    return {"compression": None, "extensions": extensions, "max_size": 96 << 20}


async def ask(url):
    async with websockets.connect(url, **options("none")) as ws:
        async for message in ws:
            return message
    return ""


async def echo(url, deflate):
    try:
        async with websockets.connect(url, **options(deflate)) as ws:
            async for message in ws:
                await ws.send(message)
    except Exception:  # most cases are there to make a client give up
        pass


async def main(base, deflate):
    agent = "agent=python-websockets"
    for i in range(1, int(await ask(base + "/getCaseCount")) + 1):
        await echo(f"{base}/runCase?case={i}&{agent}", deflate)
    await ask(f"{base}/updateReports?{agent}")


if __name__ == "__main__":
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    asyncio.run(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "none"))
