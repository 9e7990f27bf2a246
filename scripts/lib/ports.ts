import { once } from "node:events"
import { createServer, type Server } from "node:net"
import { PlainError } from "./plain-error.ts"
import { run } from "./run.ts"

/** Below the range systems take client ports from, so that no outgoing connection steals one. */
const FIRST = 20_000
const LAST = 29_999
const BLOCK = 50

/** A free port, given to no other process while this one lives: who asked may be long in using it, or stop for a while. */
export async function freePort() {
  const { value } = await ports.next()
  if (!value) throw new PlainError(`no free port between ${FIRST} and ${LAST}`)
  return value
}

const ports = freePorts()

/** Who listens on the first port of a block has the others. The system ends that with the process, however it ends. */
async function* freePorts() {
  for (let first = FIRST; first <= LAST; first += BLOCK) {
    const guard = createServer().unref()
    const isOurs = await listen(guard, first, "127.0.0.1").catch(() => false)
    if (!isOurs) continue
    for (let port = first + 1; port < first + BLOCK; port++) if (await isFree(port)) yield port
  }
}

/** The port if it is free, else another that is. */
export async function preferPort(port: number | undefined) {
  return port !== undefined && (await isFree(port)) ? port : freePort()
}

/** Both loopback addresses count: `localhost` may lead to either. */
export async function isFree(port: number, host = "127.0.0.1") {
  const hosts = new Set([host, "127.0.0.1", "::1"])
  const bindable = await Promise.all([...hosts].map((each) => isBindable(port, each)))
  return bindable.every(Boolean)
}

async function isBindable(port: number, host: string) {
  const server = createServer()
  try {
    return await listen(server, port, host)
  } catch (err) {
    const hasNoSuchAddress = /EADDRNOTAVAIL|EAFNOSUPPORT/.test(String(err))
    return hasNoSuchAddress && host === "::1"
  } finally {
    server.close()
  }
}

async function listen(server: Server, port: number, host: string) {
  server.listen(port, host)
  await once(server, "listening")
  return true
}

/** What is known of the process that listens on the port, for a message; "" when nothing is. */
export async function holderOf(port: number) {
  const [command, args, found] =
    process.platform === "linux"
      ? ["ss", ["-Hltnp", `sport = :${port}`], /\("([^"]+)",pid=(\d+)/]
      : ["lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-Fcp"], /p(?<pid>\d+)\nc(?<name>.+)/]
  try {
    const match = found.exec(await run(command, args))
    const name = match?.groups?.name ?? match?.[1]
    const pid = match?.groups?.pid ?? match?.[2]
    return name && pid ? ` by ${name} (process ${pid})` : ""
  } catch {
    return ""
  }
}
