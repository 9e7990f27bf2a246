import { randomInt } from "node:crypto"
import autocannon, { type Options, type Result } from "autocannon"
import type { LoadResult, TimedLoad } from "./load.ts"
import { HEADERS, linesOf } from "./traffic.ts"

/** The load of its argument, by autocannon; prints a LoadResult. */
const load: TimedLoad = JSON.parse(process.argv[2] ?? "")
const [paths, agents] = [linesOf(load.traffic.pathsFile), linesOf(load.traffic.agentsFile)]
let position = randomInt(2 ** 31)

const { promise, resolve, reject } = Promise.withResolvers<Result>()
const options: Options = {
  url: `http://127.0.0.1:${load.port}`,
  ...{ connections: load.connections, duration: load.seconds },
  requests: [
    {
      setupRequest(request) {
        const path = paths[position++ % paths.length] ?? "/"
        const agent = agents[Math.floor(Math.random() * agents.length)] ?? ""
        return { ...request, path, headers: { ...HEADERS, host: load.traffic.host, "user-agent": agent } }
      },
    },
  ],
}
const running = autocannon(options, (err, result) => (err ? reject(err) : resolve(result)))
process.on("SIGINT", () => running.stop())
console.log("ready")
const result = await promise
const printed: LoadResult = {
  requests: result.requests.total,
  seconds: result.duration,
  refused: result["4xx"] + result["5xx"],
  timedOut: result.timeouts,
  failed: result.errors - result.timeouts,
}
console.log(JSON.stringify(printed))
