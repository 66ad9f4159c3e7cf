"""The load of `handrail bench http`: many callers over kept connections, raw.

python -m handrail.bench.load PORT bare|action CALLERS SECONDS OUT
"""

import asyncio
import os
import sys
import time
from pathlib import Path

import orjson


async def caller(port: int, what: str, me: int, until: float, spans: list[float]) -> None:
    """One caller: asks, waits for the whole answer, asks again."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    key = os.environ.get("HANDRAIL_KEY", "")
    path = "/bare" if what == "bare" else "/v1/actions"
    n = 0
    while time.perf_counter() < until:
        n += 1
        body = orjson.dumps(
            {
                "connection": "bench", "tool": "restart",
                "arguments": {"client": "acme", "device": f"PC-{me}-{n}", "service": "spooler"},
                "trigger": {"kind": "ticket", "ref": f"T-{me}-{n}"},
                "reasoning": "The print queue hangs.", "confidence": 0.93,
            }
        )  # fmt: skip
        head = (
            f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            f"authorization: Bearer {key}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        begun = time.perf_counter()
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        status = answer.split(b" ", 2)[1]
        length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        content = await reader.readexactly(length)
        if not status.startswith(b"2"):
            raise SystemExit(f"{status.decode()}: {content[:300].decode(errors='replace')}")
        spans.append(time.perf_counter() - begun)
    writer.close()


async def main(port: str, what: str, callers: str, seconds: str) -> bytes:
    """Run the load; return its rate and spans as JSON."""
    spans: list[float] = []
    begun = time.perf_counter()
    until = begun + float(seconds)
    await asyncio.gather(*(caller(int(port), what, me, until, spans) for me in range(int(callers))))
    rate = len(spans) / (time.perf_counter() - begun)
    return orjson.dumps({"per_second": rate, "spans": spans})


if __name__ == "__main__":
    Path(sys.argv[5]).write_bytes(asyncio.run(main(*sys.argv[1:5])))
