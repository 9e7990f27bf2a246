import { request } from "node:http"
import t, { type Test } from "tap"
import { OUTCOMES } from "../../packages/core/src/decide.ts"
import { seededRandom } from "../../packages/core/test/support/random.ts"
import { FIXED, FIXED_PAGES, type FixedPage, LANGUAGES, STATUS } from "../redirect/src/pages/texts.ts"
import { type Qiao, startQiao } from "./support/qiao.ts"
import {
  actionsTo,
  BANNED,
  IPS,
  PASSWORD,
  plainLinks,
  type RandomLink,
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
  const { method, userAgent, headers, ip, query, path, unlocked } = visit
  const { port } = new URL(base)
  const target = `/${code}${path}${query === "" ? "" : `?${query}`}`
  return new Promise((resolve, reject) => {
    const credentials = Buffer.from(`anyone:${PASSWORD}`).toString("base64")
    const all = {
      ...{ host: "localhost", "user-agent": userAgent, "x-forwarded-for": ip, ...headers },
      ...(unlocked && { authorization: `Basic ${credentials}` }),
    }
    const req = request({ method, host: "127.0.0.1", port, path: target, headers: all }, async (reply) => {
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

/** What a visitor can tell an answer by: which page it is, and a page of an app by where it offers to go. */
type Answer = { status: number; location: string | null; page?: string; offers?: string[] }

const TITLES = new Map(
  LANGUAGES.flatMap((language) => FIXED_PAGES.map((page) => [FIXED[language][page].title, page])),
)

function pageOf(body: string): string {
  if (body.includes('id="address"')) return "guide"
  if (body.includes('type="password"') || body.includes("needs a password")) return "password"
  const [, title = ""] = /<title>(.*?)<\/title>/.exec(body) ?? []
  return TITLES.get(title) ?? ""
}

function answerOf({ status, location, body }: Seen, { method }: RandomVisit): Answer {
  if (location !== null || method === "HEAD") return { status, location }
  const page = pageOf(body)
  if (page !== "") return { status, location, page }
  const links = [...body.matchAll(/ href="([^"]*)"/g)].map(([, href = ""]) => href.replaceAll("&amp;", "&"))
  return { status, location, offers: links }
}

function statusOf(page: string, { headers }: RandomVisit): number {
  if (page === "guide") return 200
  if (page === "password") return headers.accept?.includes("html") ? 403 : 401
  return STATUS[page as FixedPage]
}

function expectedOf(told: Decision, link: RandomLink, visit: RandomVisit): Answer {
  const { kind, outcome, location, target } = told
  if (kind === "redirect") return { status: outcome === "redirect" ? link.redirectStatus : 302, location }
  const page = told.page ?? ""
  const status = target === null ? statusOf(page, visit) : 200
  if (visit.method === "HEAD") return { status, location: null }
  if (target === null) return { status, location: null, page }
  const { open, store = null, web, isInside = false } = target
  const offers = [isInside ? null : open, store, web].filter((url) => url !== null)
  return { status, location: null, offers }
}

async function made<T>(qiao: Qiao, path: string, body: object): Promise<T> {
  const answer = await qiao.api("POST", path, body)
  if (answer.status !== 201) throw new Error(answer.text)
  return answer.json as T
}

async function explain(qiao: Qiao, code: string, { method: _, ...visit }: RandomVisit): Promise<Decision> {
  const { status, json, text } = await qiao.api("POST", `/v1/links/localhost%2F${code}/explain`, visit)
  if (status !== 200) throw new Error(text)
  return (json as { decision: Decision }).decision
}

/** Asks both, complains where they differ, and returns what the visit is recorded as. */
async function compare(
  t: Test,
  qiao: Qiao,
  { code, ...link }: NamedLink,
  visit: RandomVisit,
): Promise<string> {
  // Before the visit, which may use up the last of `maxClicks`.
  const told = await explain(qiao, code, visit)
  const seen = await ask(qiao.edge, code, visit)
  const [actual, expected] = [answerOf(seen, visit), expectedOf(told, link, visit)]
  if (JSON.stringify(actual) !== JSON.stringify(expected)) {
    t.same(actual, expected, `${code} ${JSON.stringify(visit)}: ${JSON.stringify(told)}`)
  }
  return told.outcome ?? "none"
}

type NamedLink = RandomLink & { code: string }

const plain = {
  method: "GET" as const,
  userAgent: "",
  headers: {},
  ip: "10.1.2.3",
  query: "",
  path: "",
  unlocked: false,
}

const waitForBan = (qiao: Qiao, code: string) =>
  waitFor(`the ban to reach ${code}`, async () => (await ask(qiao.edge, code, plain)).status === 451)

t.test(`explain says what the edge does, over ${VISITS} random visits of random links`, async (t) => {
  const random = seededRandom(t)
  const qiao = await startQiao(t, { env: ENV })
  const [domain] = ((await qiao.api("GET", "/v1/domains")).json as { data: { id: string }[] }).data

  const newRuleSet = async (name: string) =>
    (await made<{ id: string }>(qiao, "/v1/rule-sets", { name, rules: randomRules(random, 5) })).id
  const ruleSetIds: [string, ...string[]] = [
    await newRuleSet("a"),
    await newRuleSet("b"),
    await newRuleSet("c"),
  ]
  const settings = Array.from({ length: LINKS }, () => randomLink(random, ruleSetIds))
  settings.push(...plainLinks(), ...plainLinks(), ...plainLinks())
  const links = settings.map((link, n) => ({ ...link, code: `rule-${n}` })) as [NamedLink, ...NamedLink[]]
  for (const link of links) await made(qiao, "/v1/links", link)
  for (const value of BANNED) {
    await made(qiao, "/v1/links", { url: `https://${value}/`, code: `to-${value.slice(0, 2)}` })
    await made(qiao, "/v1/bans", { kind: "host", value, reason: "test" })
    await waitForBan(qiao, `to-${value.slice(0, 2)}`)
  }
  for (const { code } of links.slice(0, 5)) {
    await made(qiao, "/v1/bans", { kind: "link", value: `localhost/${code}`, reason: "test" })
    await waitForBan(qiao, code)
  }
  await made(qiao, "/v1/links", {
    url: "https://a.example/",
    code: "over",
    expiresAt: "2020-01-01T00:00:00Z",
  })
  const setExpiredUrl = async (expiredUrl: string) => {
    t.match(await qiao.api("PATCH", `/v1/domains/${domain?.id}`, { expiredUrl }), { status: 200 })
    const isThere = async () => (await ask(qiao.edge, "over", plain)).location === expiredUrl
    await waitFor("the domain's expiredUrl to reach the edge", isThere)
  }

  const outcomes: Record<string, number> = {}
  const visitMany = async (visits: number) => {
    for (let n = 0; n < visits; n++) {
      const outcome = await compare(t, qiao, random.pick(links), randomVisit(random))
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
    }
  }
  await visitMany(VISITS / 2)
  await setExpiredUrl("https://domain-end.example/")
  await visitMany(VISITS / 2)
  t.comment(`outcomes: ${JSON.stringify(outcomes)}`)
  for (const outcome of [...OUTCOMES, "none"]) {
    t.ok((outcomes[outcome] ?? 0) >= 5, `${outcome} was among them`)
  }

  await made(qiao, "/v1/bans", { kind: "domain", value: "localhost", reason: "test" })
  await waitForBan(qiao, "over")
  for (const link of links) t.equal(await compare(t, qiao, link, randomVisit(random)), "none")
})

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
