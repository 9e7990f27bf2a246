import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"
import type { Test } from "tap"

/*
 * A TCP proxy to spoil a connection with: between a service and its Redis or Postgres.
 *
 *   accepting ◄─ accept() / refuse() ─► refusing      new connections are closed at once when refusing
 *   flowing   ◄─ resume() / pause()  ─► paused        open ones carry nothing either way when paused
 *
 * `cut` ends what is open, whatever the state.
 */

export type TcpProxy = {
  readonly port: number
  /** For a target with a url: the same url, led through the proxy. */
  through(url: string): string
  pause(): void
  resume(): void
  refuse(): void
  accept(): void
  cut(): void
  /**
   * Forwards this many more bytes to the target, then cuts the connection they came by before their answer
   * gets back: the target does what it was told, but nobody hears of it. Resolves when it has been done.
   */
  cutAfter(upstreamBytes: number): Promise<void>
}

/** `isMuted`: the client is gone, the target may still finish. */
type Pair = { client: Socket; target: Socket; isMuted: boolean }

export async function startProxy(t: Test, targetPort: number): Promise<TcpProxy> {
  const pairs = new Set<Pair>()
  let isRefusing = false
  let isPaused = false
  let fuse: { bytesLeft: number; blown: () => void } | undefined

  const server = createServer((client) => {
    if (isRefusing) {
      client.on("error", () => undefined)
      client.destroy()
      return
    }
    const pair = { client, target: connect(targetPort, "127.0.0.1"), isMuted: false }
    pairs.add(pair)
    join(pair)
  })

  function join(pair: Pair) {
    const { client, target } = pair
    const end = () => {
      client.destroy()
      if (pair.isMuted && !target.destroyed) return
      pairs.delete(pair)
      target.destroy()
    }
    for (const socket of [client, target]) {
      socket.setNoDelay(true)
      socket.on("error", end)
      socket.on("close", end)
      if (isPaused) socket.pause()
    }
    client.on("data", (chunk: Buffer) => sendUp(pair, chunk))
    target.on("data", (chunk: Buffer) => {
      if (!pair.isMuted) client.write(chunk)
    })
  }

  function sendUp(pair: Pair, chunk: Buffer) {
    if (!fuse || chunk.length < fuse.bytesLeft) {
      if (fuse) fuse.bytesLeft -= chunk.length
      pair.target.write(chunk)
      return
    }
    const { bytesLeft, blown } = fuse
    fuse = undefined
    pair.isMuted = true
    pair.client.destroy()
    // The target reads to the end, does what it read, and closes.
    pair.target.end(chunk.subarray(0, bytesLeft))
    pair.target.once("close", blown)
  }

  const each = (act: (socket: Socket) => void) => {
    for (const { client, target } of pairs) {
      act(client)
      act(target)
    }
  }
  const cut = () => each((socket) => socket.destroy())

  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  const port = typeof address === "object" && address ? address.port : 0
  t.teardown(async () => {
    cut()
    server.close()
    await once(server, "close")
  })

  return {
    port,
    through(url) {
      const led = new URL(url)
      led.hostname = "127.0.0.1"
      led.port = String(port)
      return led.href
    },
    pause() {
      isPaused = true
      each((socket) => socket.pause())
    },
    resume() {
      isPaused = false
      each((socket) => socket.resume())
    },
    refuse() {
      isRefusing = true
    },
    accept() {
      isRefusing = false
    },
    cut,
    cutAfter(upstreamBytes) {
      const { promise, resolve } = Promise.withResolvers<void>()
      fuse = { bytesLeft: upstreamBytes, blown: resolve }
      return promise
    },
  }
}
