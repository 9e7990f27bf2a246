import { type IncomingMessage, request } from "node:http"
import type { AddressInfo } from "node:net"
import type { FastifyInstance } from "fastify"
import type { Test } from "tap"

/** One server-sent event; a comment has the event "". */
export type ServerEvent = { event: string; data: string }

export type EventReader = {
  status: number
  headers: IncomingMessage["headers"]
  /** The next event that is no comment, or null at the end of the stream. */
  next(): Promise<ServerEvent | null>
  /** Everything that was sent, comments included, up to now. */
  text(): string
  pause(): void
  resume(): void
  close(): void
}

/** Where the app listens, which it does from now on. */
export async function listen(app: FastifyInstance): Promise<string> {
  await app.listen({ host: "127.0.0.1", port: 0 })
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
}

/** Reads a stream of events as a plain HTTP client does; an answer that is no stream is read to its end. */
export async function openEvents(t: Test, url: string, key: string): Promise<EventReader> {
  const req = request(url, { headers: { authorization: `Bearer ${key}` }, agent: false })
  t.teardown(() => req.destroy())
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  req.on("response", resolve).on("error", reject).end()
  const response = await promise
  const events: ServerEvent[] = []
  let text = ""
  let rest = ""
  let isOver = false
  let wake = () => {}
  response.setEncoding("utf8")
  response.on("data", (chunk: string) => {
    text += chunk
    const blocks = (rest + chunk).split("\n\n")
    rest = blocks.pop() ?? ""
    events.push(...blocks.map(eventOf).filter((each) => each.event !== ""))
    wake()
  })
  response.on("error", () => undefined)
  response.on("close", () => {
    isOver = true
    wake()
  })
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text: () => text,
    async next() {
      for (;;) {
        const event = events.shift()
        if (event !== undefined) return event
        if (isOver) return null
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
    pause: () => response.pause(),
    resume: () => response.resume(),
    close: () => req.destroy(),
  }
}

function eventOf(block: string): ServerEvent {
  const field = (name: string) =>
    block
      .split("\n")
      .filter((line) => line.startsWith(`${name}: `))
      .map((line) => line.slice(name.length + 2))
      .join("\n")
  return { event: field("event"), data: field("data") }
}
