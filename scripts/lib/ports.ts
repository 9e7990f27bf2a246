import { once } from "node:events"
import { createServer } from "node:net"
import { PlainError } from "./plain-error.ts"
import { run } from "./run.ts"

/** Below the range systems take client ports from, so that no outgoing connection steals one. */
const first = 20_000
const count = 10_000

/** A port is given out once a process, and processes begin far apart: who takes one may be long in using it. */
let given = (process.pid * 101) % count

export async function freePort() {
  for (let attempt = 0; attempt < count; attempt++) {
    const port = first + (given++ % count)
    if (await isFree(port)) return port
  }
  throw new PlainError(`no free port between ${first} and ${first + count - 1}`)
}

/** The port if it is free, else another that is. */
export async function preferPort(port: number | undefined) {
  return port !== undefined && (await isFree(port)) ? port : freePort()
}

/** Both loopback addresses count: `localhost` may lead to either. */
export async function isFree(port: number, host = "127.0.0.1") {
  const hosts = new Set([host, "127.0.0.1", "::1"])
  const bindable = await Promise.all([...hosts].map((each) => canListen(port, each)))
  return bindable.every(Boolean)
}

async function canListen(port: number, host: string) {
  const server = createServer()
  try {
    server.listen(port, host)
    await once(server, "listening")
    return true
  } catch (err) {
    const hasNoSuchAddress = /EADDRNOTAVAIL|EAFNOSUPPORT/.test(String(err))
    return hasNoSuchAddress && host === "::1"
  } finally {
    server.close()
  }
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
