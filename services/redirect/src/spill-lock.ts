import { once } from "node:events"
import { readdir, rm } from "node:fs/promises"
import { connect, createServer, type Server } from "node:net"
import { relative, resolve } from "node:path"

/*
 * One process a folder. Who has it listens on a socket in it, under a name that nobody else ever uses; the kernel closes the socket
 * when the process ends, however it ends. It holds between containers that share a volume of one machine, not over a network.
 *
 *   free ──nobody listens: listen, then look again──► ours            ──release, or the end of the process──► free
 *                                  └─ somebody else listens as well: let go
 *
 * Each listens before it looks, so of two that come at once at least one sees the other. Only who listens removes the sockets of the
 * dead: had it removed one that was about to listen, that one still sees it, and lets go.
 */
export type SpillLock = { release(): Promise<void> }

const SOCKET = /^lock-.+\.sock$/

/** `name`: of this try alone. Null while another process has the folder; rejects when the folder cannot be used. */
export async function takeLock(folder: string, name: string): Promise<SpillLock | null> {
  if ((await othersIn(folder)).alive.length > 0) return null
  const own = `lock-${name}.sock`
  const server = createServer((socket) => socket.destroy()).unref()
  // Those that ask may be refused for want of descriptors; that is no reason to end.
  server.on("error", () => {})
  server.listen(socketPath(folder, own))
  await once(server, "listening")
  const isOurs = await isAlone(folder, own).catch(async (err: unknown) => {
    await closed(server)
    throw err
  })
  if (isOurs) return { release: () => closed(server) }
  await closed(server)
  return null
}

/** Whether nobody else listens; removes the sockets of the dead. */
async function isAlone(folder: string, own: string): Promise<boolean> {
  const { alive, dead } = await othersIn(folder, own)
  await Promise.all(dead.map((socket) => rm(`${folder}/${socket}`, { force: true })))
  return alive.length === 0 && (await readdir(folder)).includes(own)
}

async function othersIn(folder: string, own?: string): Promise<{ alive: string[]; dead: string[] }> {
  const sockets = (await readdir(folder)).filter((file) => SOCKET.test(file) && file !== own)
  const areAlive = await Promise.all(sockets.map((socket) => isListening(socketPath(folder, socket))))
  return {
    alive: sockets.filter((_, i) => areAlive[i]),
    dead: sockets.filter((_, i) => !areAlive[i]),
  }
}

/** The shorter one of both ways to it: an address of a socket has room for about 100 bytes. */
function socketPath(folder: string, socket: string): string {
  const path = resolve(folder, socket)
  const fromHere = relative(process.cwd(), path)
  return fromHere.length < path.length ? fromHere : path
}

/** A process that is too busy to answer listens nonetheless: only what the kernel refuses is dead. */
function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    const settle = (isAlive: boolean) => {
      socket.destroy()
      resolve(isAlive)
    }
    socket.once("connect", () => settle(true))
    socket.once("error", (err: NodeJS.ErrnoException) => {
      settle(err.code !== "ECONNREFUSED" && err.code !== "ENOENT")
    })
  })
}

/** Node removes the socket's file as well. */
async function closed(server: Server): Promise<void> {
  server.close()
  await once(server, "close")
}
