import { existsSync } from "node:fs"
import { mkdir, writeFile } from "node:fs/promises"
import { freePort } from "../../scripts/lib/ports.ts"
import { succeeds } from "../../scripts/lib/run.ts"
import type { Bench } from "../lib/bench.ts"
import { plainKey, VISITS_KEY } from "../null-servers/keys.ts"
import { answersHttp, type Server, startServer } from "./server.ts"
import type { RedisServer } from "./stores.ts"

/** Where Debian's packages libnginx-mod-http-lua and lua-nginx-redis put them. */
const MODULES = "/usr/lib/nginx/modules"
const LUA_MODULES = ["ndk_http_module.so", "ngx_http_lua_module.so"]
const LUA_REDIS = "/usr/share/lua/5.1/nginx/redis.lua"

export const hasNginx = await succeeds("sh", ["-c", "command -v nginx"])
export const hasNginxLua =
  hasNginx &&
  [LUA_REDIS, ...LUA_MODULES.map((name) => `${MODULES}/${name}`)].every((path) => existsSync(path))

/** nginx with one worker that answers a constant 302. */
export function startNginx(bench: Bench): Promise<Server> {
  return start(bench, "nginx return 302", { location: "return 302 https://example.com/;" })
}

/** nginx with one worker that reads its url from Redis and writes its visit there with each request, over pooled connections. */
export function startNginxLua(bench: Bench, { port, password }: RedisServer): Promise<Server> {
  const location = `content_by_lua_block {
        local redis = require("nginx.redis"):new()
        redis:set_timeouts(1000, 1000, 1000)
        assert(redis:connect("127.0.0.1", ${port}, { pool_size = 128 }))
        if redis:get_reused_times() == 0 then assert(redis:auth("${password}")) end
        local code = string.sub(ngx.var.uri, 2)
        local url = assert(redis:get("${plainKey("")}" .. code))
        if url == ngx.null then ngx.exit(404) end
        assert(redis:xadd("${VISITS_KEY}", "*", "code", code, "agent", ngx.var.http_user_agent or "",
          "ip", ngx.var.remote_addr, "at", ngx.now() * 1000))
        redis:set_keepalive(60000)
        ngx.status = 302
        ngx.header["Location"] = url
        ngx.header["Content-Length"] = 0
      }`
  return start(bench, "nginx + Lua, GET + XADD", { modules: LUA_MODULES, location })
}

async function start(
  bench: Bench,
  name: string,
  { location, modules = [] }: { location: string; modules?: string[] },
): Promise<Server> {
  const port = await freePort()
  const folder = `${bench.folder}/nginx-${port}`
  await mkdir(folder, { recursive: true })
  const file = `${folder}/nginx.conf`
  await writeFile(file, configuration({ folder, port, location, modules }))
  return startServer(bench, {
    ...{ name, port, command: "nginx", args: ["-c", file, "-e", "stderr"] },
    isReady: () => answersHttp(port),
  })
}

type Configuration = { folder: string; port: number; location: string; modules: string[] }

function configuration({ folder, port, location, modules }: Configuration): string {
  const places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
  return `daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr warn;
${modules.map((name) => `load_module ${MODULES}/${name};`).join("\n")}
events { worker_connections 10240; }
http {
  access_log off;
  keepalive_requests 100000000;
  ${places.map((place) => `${place}_temp_path ${folder}/${place};`).join("\n  ")}
  server {
    listen 127.0.0.1:${port};
    location / {
      ${location}
    }
  }
}
`
}
