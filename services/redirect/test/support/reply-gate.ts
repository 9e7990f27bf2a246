import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"
import type { Test } from "tap"

/** A way to Redis on which answers can be held back while commands still get through: the answer is then older than what follows. */
export async function startReplyGate(t: Test, targetPort: number) {
  const clients = new Set<Socket>()
  let held: (() => void)[] | null = null
  const server = createServer((client) => {
    const target = connect(targetPort, "127.0.0.1")
    clients.add(client)
    const end = () => {
      clients.delete(client)
      client.destroy()
      target.destroy()
    }
    for (const socket of [client, target]) socket.setNoDelay(true).on("error", end).on("close", end)
    client.pipe(target)
    target.on("data", (chunk) => {
      const pass = () => client.destroyed || client.write(chunk)
      if (held === null) pass()
      else held.push(pass)
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  t.teardown(() => {
    for (const client of clients) client.destroy()
    server.close()
  })
  return {
    through(url: string) {
      const led = new URL(url)
      led.port = String(port)
      return led.href
    },
    hold() {
      held ??= []
    },
    get heldCount() {
      return held?.length ?? 0
    },
    /** Lets through what is held, and goes on holding. */
    passHeld() {
      for (const pass of held?.splice(0) ?? []) pass()
    },
    release() {
      for (const pass of held ?? []) pass()
      held = null
    },
  }
}
