import { connect, type Socket } from "node:net"
import type { Test } from "tap"

export type SlowClient = {
  socket: Socket
  /** Everything it got so far. */
  received(): string
  /** Milliseconds from its connection until the edge ended it. */
  cut: Promise<number>
}

/** A client that does with its connection what no browser does, and never ends it by itself. */
export function slowClient(t: Test, port: number): SlowClient {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true })
  const startedAtMs = performance.now()
  const chunks: Buffer[] = []
  socket.on("data", (chunk) => chunks.push(chunk))
  t.teardown(() => socket.destroy())
  const cut = new Promise<number>((resolve) => {
    const end = () => resolve(performance.now() - startedAtMs)
    socket.on("end", end).on("error", end).on("close", end)
  })
  return { socket, received: () => Buffer.concat(chunks).toString("latin1"), cut }
}
