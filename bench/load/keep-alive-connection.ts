import { once } from "node:events"
import { connect } from "node:net"

/** An HTTP connection that carries one request after another and reads no more of an answer than it must. */
export type Connection = {
  /** The request as it goes over the wire; resolves to the answer's head. One at a time. */
  ask(request: string): Promise<string>
  close(): void
}

const HEAD_END = Buffer.from("\r\n\r\n")
const LENGTH = /\r\ncontent-length: *(\d+)/i

export async function connectTo(port: number): Promise<Connection> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true })
  let asked: PromiseWithResolvers<string> | undefined
  let received: Buffer = Buffer.alloc(0)

  socket.on("data", (chunk) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
    const headEnd = received.indexOf(HEAD_END)
    if (headEnd === -1) return
    const head = received.toString("latin1", 0, headEnd + HEAD_END.length)
    const length = LENGTH.exec(head)?.[1]
    if (length === undefined) return void socket.destroy(new Error(`an answer without a length: ${head}`))
    if (received.length < headEnd + HEAD_END.length + Number(length)) return
    received = Buffer.alloc(0)
    asked?.resolve(head)
  })
  await once(socket, "connect")
  socket.on("error", (err) => asked?.reject(err))
  socket.on("close", () => asked?.reject(new Error(`port ${port} closed a connection`)))

  return {
    ask(request) {
      asked = Promise.withResolvers()
      const { promise, reject } = asked
      socket.write(request, "latin1", (err) => {
        if (err) reject(err)
      })
      return promise
    },
    close() {
      asked?.resolve("")
      socket.destroy()
    },
  }
}
