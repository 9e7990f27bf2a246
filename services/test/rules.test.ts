import { request } from "node:http"
import t, { type Test } from "tap"
import { seededRandom } from "../../packages/core/test/support/random.ts"
import { type Qiao, startQiao } from "./support/qiao.ts"
import {
  actionsTo,
  BANNED,
  IPS,
  PASSWORD,
  type RandomVisit,
  randomLink,
  randomRules,
  randomVisit,
} from "./support/random-link.ts"
import { WECHAT } from "./support/visit.ts"
import { waitFor } from "./support/wait.ts"

const LINKS = 60
const VISITS = 2_500
const ENV = { TRUSTED_PROXIES: "127.0.0.1", RATE_LIMIT_PER_MINUTE: "1000000" }

type Seen = { status: number; location: string | null; body: string }

function ask(base: string, code: string, visit: RandomVisit): Promise<Seen> {
  const { userAgent, headers, ip, query, path, unlocked } = visit
  const { port } = new URL(base)
  const target = `/${code}${path}${query === "" ? "" : `?${query}`}`
  return new Promise((resolve, reject) => {
    const credentials = Buffer.from(`anyone:${PASSWORD}`).toString("base64")
    const all = {
      ...{ host: "localhost", "user-agent": userAgent, "x-forwarded-for": ip, ...headers },
      ...(unlocked && { authorization: `Basic ${credentials}` }),
    }
    const req = request({ host: "127.0.0.1", port, path: target, headers: all }, async (reply) => {
      let body = ""
      for await (const chunk of reply.setEncoding("utf8")) body += chunk
      resolve({ status: reply.statusCode ?? 0, location: reply.headers.location ?? null, body })
    })
    req.on("error", reject)
    req.end()
  })
}

type Decision = {
  kind: string
  outcome: string | null
  page: string | null
  location: string | null
  target: { open: string; store?: string | null; web: string; isInside?: boolean } | null
}

/** What a visitor can tell an answer by: a page of status 200 by where it offers to go, the guide page by its address to copy. */
type Answer = { status: number; location: string | null; offers: string[] }

const GUIDE = "the short url"

function answerOf({ status, location, body }: Seen): Answer {
  const links = [...body.matchAll(/ href="([^"]*)"/g)].map(([, href = ""]) => href.replaceAll("&amp;", "&"))
  const offers = body.includes('id="address"') ? [GUIDE, ...links] : links
  return { status, location, offers: status === 200 ? offers : [] }
}

const PAGE_STATUS: Record<string, number> = {
  ...{ not_found: 404, gone: 410, banned: 451, denied: 403, guide: 200 },
}

function expectedOf({ kind, page, location, target }: Decision, { headers }: RandomVisit): Answer {
  if (kind === "redirect") return { status: 302, location, offers: [] }
  if (target !== null) {
    const { open, store = null, web, isInside = false } = target
    const offers = [isInside ? null : open, store, web].filter((url) => url !== null)
    return { status: 200, location: null, offers }
  }
  if (page === "password") {
    return { status: headers.accept?.includes("html") ? 403 : 401, location: null, offers: [] }
  }
  return { status: PAGE_STATUS[page ?? ""] ?? 0, location: null, offers: page === "guide" ? [GUIDE] : [] }
}

async function made<T>(qiao: Qiao, path: string, body: object): Promise<T> {
  const answer = await qiao.api("POST", path, body)
  if (answer.status !== 201) throw new Error(answer.text)
  return answer.json as T
}

async function explain(qiao: Qiao, code: string, visit: RandomVisit): Promise<Decision> {
  const { status, json, text } = await qiao.api("POST", `/v1/links/localhost%2F${code}/explain`, visit)
  if (status !== 200) throw new Error(text)
  return (json as { decision: Decision }).decision
}

/** Asks both, complains where they differ, and returns what the visit is recorded as. */
async function compare(t: Test, qiao: Qiao, code: string, visit: RandomVisit): Promise<string> {
  const [seen, told] = await Promise.all([ask(qiao.edge, code, visit), explain(qiao, code, visit)])
  const [actual, expected] = [answerOf(seen), expectedOf(told, visit)]
  if (JSON.stringify(actual) !== JSON.stringify(expected)) {
    t.same(actual, expected, `${code} ${JSON.stringify(visit)}: ${JSON.stringify(told)}`)
  }
  return told.outcome ?? "none"
}

const plain = { userAgent: "", headers: {}, ip: "10.1.2.3", query: "", path: "", unlocked: false }

const waitForBan = (qiao: Qiao, code: string) =>
  waitFor(`the ban to reach ${code}`, async () => (await ask(qiao.edge, code, plain)).status === 451)

t.test(
  `explain says what the edge does, over ${VISITS} random visits of ${LINKS} random links`,
  async (t) => {
    const random = seededRandom(t)
    const qiao = await startQiao(t, { env: ENV })
    const [domain] = ((await qiao.api("GET", "/v1/domains")).json as { data: { id: string }[] }).data
    const expiredUrl = "https://domain-end.example/"
    t.match(await qiao.api("PATCH", `/v1/domains/${domain?.id}`, { expiredUrl }), { status: 200 })

    const newRuleSet = async (name: string) =>
      (await made<{ id: string }>(qiao, "/v1/rule-sets", { name, rules: randomRules(random, 5) })).id
    const ruleSetIds: [string, ...string[]] = [
      await newRuleSet("a"),
      await newRuleSet("b"),
      await newRuleSet("c"),
    ]
    const codes = Array.from({ length: LINKS }, (_, n) => `rule-${n}`)
    for (const code of codes) await made(qiao, "/v1/links", { ...randomLink(random, ruleSetIds), code })
    for (const value of BANNED) {
      await made(qiao, "/v1/links", { url: `https://${value}/`, code: `to-${value.slice(0, 2)}` })
      await made(qiao, "/v1/bans", { kind: "host", value, reason: "test" })
      await waitForBan(qiao, `to-${value.slice(0, 2)}`)
    }

    const outcomes: Record<string, number> = {}
    for (let n = 0; n < VISITS; n++) {
      const code = codes[random.below(codes.length)] ?? ""
      const outcome = await compare(t, qiao, code, randomVisit(random))
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
    }
    t.comment(`outcomes: ${JSON.stringify(outcomes)}`)
    const wanted = [
      "redirect",
      "fallback",
      "guide",
      "app",
      "mini_program",
      "password",
      "denied",
      "banned",
      "none",
    ]
    for (const outcome of wanted) t.ok((outcomes[outcome] ?? 0) >= 10, `${outcome} was among them`)

    await made(qiao, "/v1/bans", { kind: "domain", value: "localhost", reason: "test" })
    await waitForBan(qiao, "rule-0")
    for (const code of codes) t.equal(await compare(t, qiao, code, randomVisit(random)), "none")
  },
)

t.test("a fetcher's mark changes no answer, through every kind of rule", async (t) => {
  const qiao = await startQiao(t, { env: ENV })
  for (const [n, then] of actionsTo("https://a.example/").entries()) {
    const rules = [{ when: { platform: ["wechat"] }, then }]
    await made(qiao, "/v1/links", { url: "https://example.com/", code: `mark-${n}`, rules })
    for (const ip of IPS) {
      const visit = { ...plain, ip, userAgent: WECHAT }
      const person = await ask(qiao.edge, `mark-${n}`, visit)
      const fetcher = await ask(qiao.edge, `mark-${n}`, { ...visit, userAgent: `${WECHAT} qcloudcdn-xinan` })
      const [personSees, fetcherSees] = [person, fetcher].map(withoutToken)
      t.same(fetcherSees, personSees, JSON.stringify(then))
    }
  }
})

/** Every guide page has a token of its own. */
function withoutToken(seen: Seen): Seen {
  return { ...seen, body: seen.body.replace(/data-token="[\w-]*"/, "") }
}
