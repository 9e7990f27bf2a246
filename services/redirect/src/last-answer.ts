import type { ServerResponse } from "node:http"
import type { Socket } from "node:net"

/** The answer with which a connection ends. */
const lastAnswers = new WeakMap<Socket, ServerResponse>()

/** Ends the connection with this answer. */
export function endWith(res: ServerResponse): void {
  res.shouldKeepAlive = false
  const { socket } = res.req
  if (!lastAnswers.has(socket)) lastAnswers.set(socket, res)
}

/** Whether the request was sent behind one whose answer ends the connection: its own answer would never arrive. */
export function isTooLate(res: ServerResponse): boolean {
  const last = lastAnswers.get(res.req.socket)
  return last !== undefined && last !== res
}
