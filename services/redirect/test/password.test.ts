import { createHmac } from "node:crypto"
import { hashPassword } from "@qiao/core/password.ts"
import t from "tap"
import { startRedis } from "../../test/support/redis.ts"
import { waitFor } from "../../test/support/wait.ts"
import { type Answer, askRaw, COOKIE_SECRET, startEdge, type TestEdge } from "./support/edge.ts"
import { HOST, startPublisher } from "./support/publisher.ts"
import { rule } from "./support/rule.ts"
import { asSafari, asWechat, SAFARI } from "./support/visitors.ts"

const redis = await startRedis(t, { appendOnly: false })
const publisher = await startPublisher(t, redis.url)
const edge = await startEdge(t, redis.url)
await edge.ready()

const hash = await hashPassword("sesame é", Buffer.from("0123456789abcdef"))
const password = { hash, version: 1 }
const TARGET = "https://shop.example.com/spring"

type Headers = Record<string, string>
const urlencoded = "application/x-www-form-urlencoded"

function post(at: TestEdge, path: string, given: string, headers: Headers = {}): Promise<Answer> {
  const form = { "content-type": urlencoded, connection: "close" }
  const body = new URLSearchParams({ password: given }).toString()
  return at.get(path, { method: "POST", headers: { ...asSafari.headers, ...form, ...headers }, body })
}

const basic = (given: string, user = "") => ({
  authorization: `Basic ${Buffer.from(`${user}:${given}`).toString("base64")}`,
})
const setCookie = ({ headers }: Answer) => headers["set-cookie"]?.[0] ?? ""
const cookieIn = (answer: Answer) => ({ cookie: setCookie(answer).split(";")[0] ?? "" })

t.test(
  "without the password a browser gets a page with a form, curl a challenge; neither says where it leads",
  async (t) => {
    await publisher.link("asked", { password, forwardPath: true, guidePlatforms: new Set(["wechat"]) })
    const page = await edge.get("/asked/more?a=1&_qg=AAAAAAAAAAA&b=2", asSafari)
    t.equal(page.status, 403)
    t.match(page.headers["content-type"], "text/html")
    t.match(page.body, '<form method="post">')
    t.equal((await edge.get("/asked", asWechat)).status, 403, "before any guide page")
    const curl = await edge.get("/asked", { headers: { accept: "*/*" } })
    t.equal(curl.status, 401)
    t.equal(curl.headers["www-authenticate"], `Basic realm="${HOST}/asked", charset="UTF-8"`)
    t.match(curl.headers["content-type"], "text/plain")
    for (const { body, headers } of [page, curl]) {
      t.notMatch(body, "shop.example.com")
      t.equal(headers.location, undefined)
      t.equal(headers["cache-control"], "private, no-store")
    }
    const [visit] = await publisher.recorded("lnk_asked", 3)
    t.match(visit, { outcome: "password", guideToken: "AAAAAAAAAAA" })
  },
)

t.test(
  "the right password leads on at once, by a status that never sends it on, and its cookie opens from then on",
  async (t) => {
    await publisher.link("locked", { password, redirectStatus: 308 })
    const posted = await post(edge, "/locked?x=1", "sesame é")
    t.equal(posted.status, 303)
    t.equal(posted.headers.location, `${TARGET}?x=1`)
    t.match(
      setCookie(posted),
      /^qiao_pw=\d{10}\.[\w-]{43}; Path=\/locked; Max-Age=43200; HttpOnly; SameSite=Lax$/,
    )
    const opened = await edge.get("/locked?x=2", { headers: { ...asSafari.headers, ...cookieIn(posted) } })
    t.equal(opened.status, 308)
    t.equal(opened.headers.location, `${TARGET}?x=2`)
    t.equal(opened.headers["set-cookie"], undefined)
    const [first, second] = await publisher.recorded("lnk_locked", 2)
    t.match([first, second], [{ outcome: "redirect" }, { outcome: "redirect" }])
  },
)

t.test("over https the cookie is kept for https", async (t) => {
  const proxied = await startEdge(t, redis.url, {
    TRUSTED_PROXIES: "127.0.0.1",
    PASSWORD_COOKIE_SECONDS: "60",
  })
  await proxied.ready()
  await publisher.link("secure", { password })
  const posted = await post(proxied, "/secure", "sesame é", { "x-forwarded-proto": "https" })
  t.match(setCookie(posted), /Max-Age=60; HttpOnly; SameSite=Lax; Secure$/)
})

t.test("no cookie opens but an unexpired one of this secret, link and password", async (t) => {
  await publisher.link("mine", { password })
  await publisher.link("other", { password })
  const { cookie } = cookieIn(await post(edge, "/mine", "sesame é"))
  const status = async (path: string, value: string) =>
    (await edge.get(path, { headers: { ...asSafari.headers, cookie: value } })).status
  const signed = (secret: string, expiry: number) => {
    const text = JSON.stringify(["qiao_pw", "lnk_mine", 1, String(expiry)])
    return `qiao_pw=${expiry}.${createHmac("sha256", secret).update(text).digest("base64url")}`
  }
  const nowSeconds = Math.floor(Date.now() / 1_000)
  t.equal(await status("/mine", cookie), 302)
  t.equal(await status("/mine", `a=1; ${cookie}; b=2`), 302)
  const tossed = `qiao_pw=${nowSeconds + 60}.${"A".repeat(43)}`
  t.equal(await status("/mine", `${tossed}; qiao_pw=x; ${tossed}; ${tossed}; ${cookie}`), 302, "tossed")
  t.equal(await status("/mine", `${`${tossed}; `.repeat(4)}${cookie}`), 403, "at most four are tried")
  t.equal(await status("/mine", signed(COOKIE_SECRET, nowSeconds + 60)), 302)
  const [, expiry = "", signature = ""] = /=(\d+)\.(.*)$/.exec(cookie) ?? []
  for (const forged of [
    signed(COOKIE_SECRET, nowSeconds - 1),
    signed("another secret of at least 32 characters", nowSeconds + 60),
    `qiao_pw=${Number(expiry) + 1}.${signature}`,
    `qiao_pw=0${expiry}.${signature}`,
    `qiao_pw=${expiry}.${signature.slice(1)}`,
    `qiao_pw=${expiry}.${signature}A`,
    `qiao_pw=${expiry}.`,
    `qiao_pw=${expiry}`,
    `xqiao_pw=${expiry}.${signature}`,
    "qiao_pw=",
    "",
  ]) {
    t.equal(await status("/mine", forged), 403, forged)
  }
  t.equal(await status("/other", cookie), 403, "of another code")
  await publisher.link("mine", { password, id: "lnk_reused" })
  await waitFor("the reuse", async () => (await status("/mine", cookie)) === 403, { timeoutMs: 1_000 })
  await publisher.link("mine", { password })
  await waitFor("the old one", async () => (await status("/mine", cookie)) === 302, { timeoutMs: 1_000 })
  await publisher.link("mine", { password: { hash, version: 2 } })
  await waitFor("the new password", async () => (await status("/mine", cookie)) === 403, { timeoutMs: 1_000 })
})

t.test("curl -u opens with any user name, and is challenged again with a wrong password", async (t) => {
  await publisher.link("basic", { password })
  const get = (headers: Headers) => edge.get("/basic", { headers })
  for (const headers of [basic("sesame é"), basic("sesame e\u0301", "me"), basic("sesame é", "用户")]) {
    const answer = await get(headers)
    t.equal(answer.status, 302)
    t.equal(answer.headers["set-cookie"], undefined)
  }
  const broken = ["Basic", "Basic !", "Basic bm9jb2xvbg==", "Bearer x", ""].map((authorization) => ({
    authorization,
  }))
  for (const headers of [basic("wrong"), basic(""), basic("sesame é:"), ...broken]) {
    t.equal((await get(headers)).status, 401, JSON.stringify(headers))
  }
  t.equal((await edge.get("/basic", { headers: { ...asSafari.headers, ...basic("wrong") } })).status, 403)
})

t.test("a wrong password gets the page again, or the challenge, and is recorded", async (t) => {
  await publisher.link("wrong", { password })
  const page = await post(edge, "/wrong", "open")
  t.equal(page.status, 403)
  t.match(page.body, "not right")
  t.equal(page.headers["set-cookie"], undefined)
  t.equal((await post(edge, "/wrong", "open", { accept: "*/*" })).status, 401)
  t.equal(
    (
      await edge.get("/wrong", {
        method: "POST",
        headers: { ...asSafari.headers, "content-type": urlencoded },
      })
    ).status,
    403,
  )
  t.same(
    (await publisher.recorded("lnk_wrong", 3)).map(({ outcome }) => outcome),
    ["password", "password", "password"],
  )
})

t.test(
  "a client network has so many wrong tries at a link in a window, however parallel they come",
  async (t) => {
    const strict = await startEdge(t, redis.url, {
      ...{ PASSWORD_TRIES: "3", PASSWORD_CHECKS_MAX: "100" },
      TRUSTED_PROXIES: "127.0.0.1",
    })
    await strict.ready()
    await publisher.link("guessed", { password })
    await publisher.link("beside", { password })
    const { cookie } = cookieIn(await post(strict, "/guessed", "sesame é"))
    for (let i = 0; i < 4; i++)
      t.equal((await post(strict, "/guessed", "sesame é")).status, 303, "right ones are free")
    const answers: Answer[] = []
    for (let round = 0; round < 6; round++) {
      const parallel = Array.from({ length: 10 }, (_, i) => post(strict, "/guessed", `wrong ${i}`))
      answers.push(...(await Promise.all(parallel)))
    }
    t.equal(answers.filter(({ status }) => status === 403).length, 3)
    const refused = answers.filter(({ status }) => status === 429)
    t.ok(refused.length >= 20, `${refused.length} refused`)
    t.ok(refused.every(({ headers }) => Number(headers["retry-after"]) > 0))
    t.match(
      strict.passwords.counters,
      { right: 5, wrong: 3, limited: refused.length },
      "nothing was computed for the others",
    )
    t.equal((await post(strict, "/guessed", "sesame é")).status, 429, "not even the right one")
    t.equal((await strict.get("/guessed", { headers: basic("sesame é") })).status, 429)
    t.equal((await strict.get("/guessed", { headers: { cookie: cookie ?? "" } })).status, 302)
    t.equal((await strict.get("/guessed", asSafari)).status, 403, "who does not try may look")
    t.equal((await post(strict, "/beside", "sesame é")).status, 303)
    t.equal((await post(strict, "/guessed", "sesame é", { "x-forwarded-for": "198.51.100.7" })).status, 303)
  },
)

t.test("wrong tries lock out one IPv4 address, not its neighbours, and of IPv6 a /64", async (t) => {
  const strict = await startEdge(t, redis.url, { PASSWORD_TRIES: "1", TRUSTED_PROXIES: "127.0.0.1" })
  await strict.ready()
  await publisher.link("neighbours", { password })
  const from = async (ip: string, given: string) =>
    (await post(strict, "/neighbours", given, { "x-forwarded-for": ip })).status
  t.equal(await from("198.51.100.7", "wrong"), 403)
  t.equal(await from("198.51.100.7", "sesame é"), 429)
  t.equal(await from("198.51.100.8", "sesame é"), 303)
  t.equal(await from("2001:db8:1:2::3", "wrong"), 403)
  t.equal(await from("2001:db8:1:2:4::5", "sesame é"), 429)
  t.equal(await from("2001:db8:1:3::3", "sesame é"), 303)
})

t.test("one network never holds the checks for everyone, whatever it knows", async (t) => {
  const small = await startEdge(t, redis.url, { PASSWORD_CHECKS_MAX: "2", TRUSTED_PROXIES: "127.0.0.1" })
  await small.ready()
  await publisher.link("shared", { password })
  const from = (ip: string) => post(small, "/shared", "sesame é", { "x-forwarded-for": ip })
  await from("203.0.113.1")
  let isLooping = true
  const greedy: number[] = []
  const loops = Array.from({ length: 8 }, async (_, i) => {
    while (isLooping) greedy.push((await from(`198.51.100.${i}`)).status)
  })
  const others: number[] = []
  for (let i = 0; i < 10; i++) others.push((await from("203.0.113.1")).status)
  isLooping = false
  await Promise.all(loops)
  t.same([...new Set(others)], [303])
  t.ok(greedy.includes(303), "it gets its own")
  t.ok(greedy.includes(503), "but one at a time")
})

t.test(
  "beyond PASSWORD_CHECKS_MAX at a time the edge is busy at once, and no try is used up by it",
  async (t) => {
    const small = await startEdge(t, redis.url, {
      ...{ PASSWORD_CHECKS_MAX: "2", PASSWORD_TRIES: "4" },
      TRUSTED_PROXIES: "127.0.0.1",
    })
    await small.ready()
    await publisher.link("crowded", { password })
    await small.get("/crowded")
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        post(small, "/crowded", "sesame é", { "x-forwarded-for": `198.51.${i}.1` }),
      ),
    )
    const busy = answers.filter(({ status }) => status === 503)
    t.ok(busy.length > 0, `${busy.length} busy`)
    t.ok(busy.every(({ headers, body }) => headers["retry-after"] === "1" && body.includes("password")))
    t.equal(answers.filter(({ status }) => status === 303).length, 30 - busy.length)
    t.match(small.passwords.counters, { right: 30 - busy.length, busy: busy.length, wrong: 0, limited: 0 })
    const asCurl = await Promise.all(
      Array.from({ length: 30 }, () => small.get("/crowded", { headers: basic("sesame é") })),
    )
    t.ok(asCurl.some(({ status, body }) => status === 503 && !body.includes("<")))
  },
)

t.test("nothing else can be posted to, and what is posted is bounded", async (t) => {
  await publisher.link("form", { password })
  await publisher.link("open")
  await publisher.tombstone("deleted")
  for (const path of [
    "/open",
    "/",
    "/unknown",
    "/deleted",
    "/robots.txt",
    "/form+",
    "/form/more",
    "/.well-known/x",
  ]) {
    const answer = await post(edge, path, "sesame é")
    t.equal(answer.status, 405, path)
    t.equal(answer.headers.allow, "GET, HEAD")
    t.equal(answer.headers.connection, "close")
  }
  for (const path of ["/form", "/open+report"]) {
    t.equal((await edge.get(path, { method: "PUT" })).headers.allow, "GET, HEAD, POST", path)
  }
  t.equal((await post(edge, "/form", "x".repeat(1_015))).status, 403, "exactly 1 KB")
  t.equal((await post(edge, "/form", "x".repeat(1_016))).status, 413)
  const chunk = "x".repeat(600)
  const chunks = `258\r\n${chunk}\r\n258\r\n${chunk}\r\n0\r\n\r\n`
  const head = `POST /form HTTP/1.1\r\nHost: ${HOST}\r\nContent-Type: ${urlencoded}\r\nTransfer-Encoding: chunked\r\n\r\n`
  t.match(await askRaw(edge.port, head + chunks), /^HTTP\/1\.1 413 /)
  const nothing = `POST /form HTTP/1.1\r\nHost: ${HOST}\r\nContent-Type: ${urlencoded}\r\n\r\n`
  t.match(await askRaw(edge.port, nothing), /^HTTP\/1\.1 401 /, "no body is an empty password")
  const multipart = { "content-type": "multipart/form-data; boundary=x" }
  t.equal((await post(edge, "/form", "sesame é", multipart)).status, 415)
})

t.test("the longest password, each character of four bytes, can be posted", async (t) => {
  const longest = "🔑".repeat(72)
  const key = { hash: await hashPassword(longest, Buffer.alloc(16)), version: 1 }
  await publisher.link("longest", { password: key })
  t.equal((await post(edge, "/longest", longest)).status, 303)
  t.equal((await edge.get("/longest", { headers: basic(longest) })).status, 302)
  t.equal((await post(edge, "/longest", longest.slice(2))).status, 403)
})

t.test("what is sent behind a request that ends its connection has no effect", async (t) => {
  await publisher.link("front", { password })
  await publisher.link("behind", { maxClicks: 5 })
  await edge.get("/behind", { method: "HEAD" })
  const get = `GET /behind HTTP/1.1\r\nHost: ${HOST}\r\nUser-Agent: ${SAFARI}\r\n\r\n`
  const form = `Content-Type: ${urlencoded}\r\nContent-Length: 14\r\n\r\npassword=wrong`
  for (const front of [
    `POST /front HTTP/1.1\r\nHost: ${HOST}\r\n${form}`,
    `POST /behind HTTP/1.1\r\nHost: ${HOST}\r\n${form}`,
    `PUT /front HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`,
  ]) {
    const answers = await askRaw(edge.port, front + get + get)
    t.equal(answers.match(/HTTP\/1\.1 \d/g)?.length, 1, front.slice(0, 12))
  }
  const both = await askRaw(edge.port, get + get.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"))
  t.equal(both.match(/HTTP\/1\.1 302/g)?.length, 2, "else both are answered")
  t.equal(await publisher.used("behind"), "2")
  t.equal((await publisher.recorded("lnk_behind", 3)).length, 3)
})

t.test("posting to unknown codes is limited like asking for them", async (t) => {
  const strict = await startEdge(t, redis.url, { UNKNOWN_CODES_PER_MINUTE: "2" })
  await strict.ready()
  for (const code of ["none1", "none2"]) t.equal((await post(strict, `/${code}`, "x")).status, 405)
  t.equal((await post(strict, "/none3", "x")).status, 429)
})

t.test("a cookie's path is the code as the browser wrote it", async (t) => {
  const host = "folded.example.com"
  await publisher.domain(host, { host: HOST, caseSensitive: false })
  await publisher.link("春天", { password })
  await publisher.link("shout", { password })
  const chinese = `/${encodeURIComponent("春天")}`
  const cases = [
    [chinese, HOST],
    [chinese.toLowerCase(), HOST],
    ["/SHOUT", host],
    ["/shout", host],
  ] as const
  for (const [path, host] of cases) {
    const posted = await post(edge, path, "sesame é", { host })
    t.match(setCookie(posted), `; Path=${path}; `)
    const opened = await edge.get(path, { headers: { ...asSafari.headers, host, ...cookieIn(posted) } })
    t.equal(opened.status, 302, path)
  }
})

t.test(
  "what comes before the password is answered without it, and what comes after only with it",
  async (t) => {
    await publisher.link("over", { password, expiresAt: 1, expiredUrl: "https://shop.example.com/next" })
    t.equal((await edge.get("/over", asSafari)).status, 302)
    const posted = await post(edge, "/over", "whatever")
    t.equal(posted.status, 303)
    t.equal(posted.headers.location, "https://shop.example.com/next")
    await publisher.link("off", { password, enabled: false })
    t.equal((await post(edge, "/off", "sesame é")).status, 410)
    await publisher.link("guided", { password, guidePlatforms: new Set(["wechat"]) })
    const guide = await post(edge, "/guided", "sesame é", asWechat.headers)
    t.equal(guide.status, 200)
    t.match(guide.body, "shop.example.com")
    t.match(setCookie(guide), "qiao_pw=")
    await publisher.link("ruled", {
      password,
      rules: [rule({ os: ["ios"] }, { redirect: "https://ios.example.com/" })],
    })
    t.equal((await post(edge, "/ruled", "sesame é")).headers.location, "https://ios.example.com/")
  },
)

t.test("maxClicks: only who has the password uses one up", async (t) => {
  await publisher.link("capped", { password, maxClicks: 2 })
  const person = asSafari.headers
  for (let i = 0; i < 3; i++) t.equal((await edge.get("/capped", { headers: person })).status, 403)
  t.equal((await post(edge, "/capped", "wrong")).status, 403)
  const posted = await post(edge, "/capped", "sesame é")
  t.equal(posted.status, 303)
  t.equal((await edge.get("/capped", { headers: { ...person, ...cookieIn(posted) } })).status, 302)
  t.equal((await edge.get("/capped", { headers: { ...person, ...cookieIn(posted) } })).status, 410)
  t.equal((await edge.get("/capped", { headers: person })).status, 403)
})

t.test("the password of a link to what is banned opens nothing", async (t) => {
  await publisher.link("evil", { password, url: "https://evil.example.com/" })
  await publisher.bans({ hosts: ["evil.example.com"] })
  await waitFor("the ban", () => edge.bans.set.hosts.size === 1, { timeoutMs: 1_000 })
  t.equal((await post(edge, "/evil", "sesame é")).status, 451)
})

t.test("passwords are counted, and a hash that is none is a failure, never an open link", async (t) => {
  const metrics = await edge.registry.metrics()
  t.match(metrics, /qiao_edge_passwords_total\{answer="right"\} [1-9]/)
  t.match(metrics, /qiao_edge_passwords_total\{answer="wrong"\} [1-9]/)
  t.match(metrics, /qiao_edge_requests_total\{result="unreadable_form"\} 3/)
  t.equal(edge.results.failed, 0)
  await publisher.link("broken", { password: { hash: "sesame é", version: 1 } })
  t.equal((await post(edge, "/broken", "sesame é")).status, 500)
})
