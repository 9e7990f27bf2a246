import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"
import type { Scope } from "./scope.ts"

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
  /** Forwards what next holds the text, whole, then cuts its connection before the answer gets back. */
  loseAnswerTo(text: string): Promise<void>
  /** Forwards what next holds the text and, by that connection, this many more bytes; then pauses in the middle of what comes. */
  pauseIn(text: string, upstreamBytes: number): Promise<void>
}

/** `isMuted`: the client is gone, the target may still finish. */
type Pair = { client: Socket; target: Socket; isMuted: boolean }

/** What is to happen at some chunk on its way up: `burns` gives how much of that chunk is still forwarded. */
type Fuse = { burns(chunk: Buffer, pair: Pair): number | undefined; act: "cut" | "pause"; blown: () => void }

export async function startProxy(
  scope: Scope,
  targetPort: number,
  targetHost = "127.0.0.1",
): Promise<TcpProxy> {
  const pairs = new Set<Pair>()
  let isRefusing = false
  let isPaused = false
  let fuse: Fuse | undefined

  const server = createServer((client) => {
    if (isRefusing) {
      client.on("error", () => undefined)
      client.destroy()
      return
    }
    const pair = { client, target: connect(targetPort, targetHost), isMuted: false }
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
    const forwarded = fuse?.burns(chunk, pair)
    if (!fuse || forwarded === undefined) {
      pair.target.write(chunk)
      return
    }
    const { act, blown } = fuse
    fuse = undefined
    if (act === "pause") {
      pair.target.write(chunk.subarray(0, forwarded))
      pause()
      pair.client.unshift(chunk.subarray(forwarded))
      return blown()
    }
    pair.isMuted = true
    pair.client.destroy()
    // The target reads to the end, does what it read, and closes.
    pair.target.end(chunk.subarray(0, forwarded))
    pair.target.once("close", blown)
  }

  function setFuse(act: Fuse["act"], burns: Fuse["burns"]): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    fuse = { burns, act, blown: resolve }
    return promise
  }

  const each = (act: (socket: Socket) => void) => {
    for (const { client, target } of pairs) {
      act(client)
      act(target)
    }
  }
  const cut = () => each((socket) => socket.destroy())
  const pause = () => {
    isPaused = true
    each((socket) => socket.pause())
  }

  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  const port = typeof address === "object" && address ? address.port : 0
  scope.teardown(async () => {
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
    pause,
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
    cutAfter: (upstreamBytes) => setFuse("cut", countdown(upstreamBytes)),
    loseAnswerTo: (text) => setFuse("cut", (chunk) => (chunk.includes(text) ? chunk.length : undefined)),
    pauseIn: (text, upstreamBytes) => setFuse("pause", countdownIn(text, upstreamBytes)),
  }
}

function countdown(bytes: number): (chunk: Buffer) => number | undefined {
  let bytesLeft = bytes
  return (chunk) => {
    if (chunk.length >= bytesLeft) return bytesLeft
    bytesLeft -= chunk.length
    return undefined
  }
}

function countdownIn(text: string, bytes: number): Fuse["burns"] {
  const burns = countdown(bytes)
  let found: Pair | undefined
  return (chunk, pair) => {
    if (found !== undefined) return pair === found ? burns(chunk) : undefined
    if (chunk.includes(text)) found = pair
    return undefined
  }
}
