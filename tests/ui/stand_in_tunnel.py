"""In the place of the tunnel program, which would need the net: the same words, a port of this machine.

`python stand_in_tunnel.py http … -l PORT …` passes on, byte for byte, what comes in at a port of its own,
so that the page sees the Host that a visitor typed. MOOD: what it does instead (see the tests).
"""

from __future__ import annotations

import asyncio
import os
import sys


async def main() -> int:
    mood = os.environ.get("MOOD", "")
    if mood == "killed":  # as an antivirus program does it
        os.kill(os.getpid(), 9)
    target = int(sys.argv[sys.argv.index("-l") + 1])
    say("[I] [service.go:301] [abcd] login to server success, get run id [abcd]")
    if mood == "full":
        say("[W] [service.go:128] login to server failed: too many proxies")
        await asyncio.sleep(60)
    if mood == "silent":
        await asyncio.sleep(60)
    if mood == "gone":
        return 1

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, inner[1]), pump(inner[0], writer))

    server = await asyncio.start_server(visit, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    address = "file:///etc/passwd" if mood == "lying" else f"http://127.0.0.1:{port}"
    say(f"[I] [control.go:172] [abcd] [x] start proxy success: {address}")
    await server.serve_forever()
    return 0


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
