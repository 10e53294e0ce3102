"""A relay that delays: delay.py LISTEN_PORT HOST PORT SECONDS_OF_ROUND_TRIP. As much as comes in goes out, only later."""

import asyncio
import sys

port, host, target, trip = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])


async def relay(reader, writer):
    loop, queue = asyncio.get_running_loop(), asyncio.Queue()

    async def send():
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0, due - loop.time()))
            if not data:
                break
            writer.write(data)
            await writer.drain()
        writer.close()

    sender = asyncio.create_task(send())
    try:
        while data := await reader.read(1 << 18):
            queue.put_nowait((loop.time() + trip / 2, data))
    except ConnectionError:
        pass
    queue.put_nowait((loop.time() + trip / 2, b""))
    await sender


async def accept(reader, writer):
    try:
        onward = await asyncio.open_connection(host, target)
    except OSError:
        writer.close()
        return
    await asyncio.gather(relay(reader, onward[1]), relay(onward[0], writer), return_exceptions=True)


async def main():
    server = await asyncio.start_server(accept, "127.0.0.1", port)
    await server.serve_forever()


asyncio.run(main())
