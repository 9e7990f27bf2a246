import { schemeOf } from "@qiao/core/app.ts"
import { isTargetBanned } from "@qiao/core/ban-set.ts"
import { bareHost } from "@qiao/core/host.ts"
import type { FieldProblem } from "@qiao/core/link.ts"
import type { Action, Rule } from "@qiao/core/rule.ts"
import type { FastifyRequest } from "fastify"
import type { Db } from "../db/connect.ts"
import { invalid } from "../problem.ts"
import { hostBansAmong } from "../repositories/host-bans.ts"
import { ownHostsAmong } from "../repositories/own-hosts.ts"

// Addresses are checked wherever they come in: at every create and at every change, so that nothing harmless is swapped for something else.

/** An address and the JSON pointer to where it stands. */
export type Placed = { pointer: string; url: string }

/** The settings of a link, or the rules of a rule set alone. */
export type Addresses = { url?: string; expiredUrl?: string | null; rules: readonly Rule[] }

/** Every http(s) address in the settings. */
export function urlsOf({ url, expiredUrl, rules }: Addresses): Placed[] {
  return placed([
    ["/url", url],
    ["/expiredUrl", expiredUrl],
    ...rules.flatMap(({ then }, n) => urlsOfAction(then, `/rules/${n}/then`)),
  ])
}

type MaybePlaced = [pointer: string, url: string | null | undefined]

function placed(list: MaybePlaced[]): Placed[] {
  return list.flatMap(([pointer, url]) => (url === undefined || url === null ? [] : [{ pointer, url }]))
}

function urlsOfAction({ redirect, split = [], app = {}, miniProgram }: Action, at: string): MaybePlaced[] {
  const { ios, android, harmonyos, web } = app
  return [
    [`${at}/redirect`, redirect],
    ...split.map(({ url }, n): MaybePlaced => [`${at}/split/${n}/url`, url]),
    [`${at}/app/ios/universalLink`, ios?.universalLink],
    [`${at}/app/ios/store`, ios?.store],
    [`${at}/app/android/appLink`, android?.appLink],
    [`${at}/app/android/store`, android?.store],
    [`${at}/app/harmonyos/appLink`, harmonyos?.appLink],
    [`${at}/app/harmonyos/store`, harmonyos?.store],
    [`${at}/app/web`, web],
    [`${at}/miniProgram/web`, miniProgram?.web],
  ]
}

/** Every address of an app's own scheme. */
function schemeUrlsOf({ rules }: Addresses): Placed[] {
  return placed(
    rules.flatMap(({ then: { app = {} } }, n): MaybePlaced[] => [
      [`/rules/${n}/then/app/ios/scheme`, app.ios?.scheme],
      [`/rules/${n}/then/app/android/scheme`, app.android?.scheme],
      [`/rules/${n}/then/app/harmonyos/scheme`, app.harmonyos?.scheme],
    ]),
  )
}

/**
 * What is wrong with the addresses of `after`. Those that `before` has, too, are left alone wherever they stood: a link whose target was
 * blocked since can still be disabled, and changed elsewhere.
 */
export async function addressProblems(
  req: FastifyRequest,
  db: Db,
  after: Addresses,
  before: Addresses | null,
): Promise<FieldProblem[]> {
  return [
    ...(await urlProblems(req, db, newIn(urlsOf(after), before && urlsOf(before)))),
    ...schemeProblems(req, newIn(schemeUrlsOf(after), before && schemeUrlsOf(before))),
  ]
}

/** What is wrong by now with the addresses of a rule set that a link begins to use. */
export async function sharedAddressProblems(
  req: FastifyRequest,
  db: Db,
  rules: readonly Rule[],
): Promise<FieldProblem[]> {
  const problems = await addressProblems(req, db, { rules }, null)
  const urls = new Map([...urlsOf({ rules }), ...schemeUrlsOf({ rules })].map((at) => [at.pointer, at.url]))
  return problems.map(({ pointer, code, detail }) => {
    return { pointer: "/ruleSetId", code, detail: `its address ${urls.get(pointer)} ${detail}` }
  })
}

function newIn(after: Placed[], before: Placed[] | null): Placed[] {
  const known = new Set(before?.map(({ url }) => url))
  return after.filter(({ url }) => !known.has(url))
}

/** Throws a 422 problem that names every address that must not be a target. */
export async function checkUrls(req: FastifyRequest, db: Db, urls: Placed[]): Promise<void> {
  const problems = await urlProblems(req, db, urls)
  if (problems.length > 0) throw invalid(problems)
}

async function urlProblems(req: FastifyRequest, db: Db, urls: Placed[]): Promise<FieldProblem[]> {
  if (urls.length === 0) return []
  const hosts = urls.map(({ url }) => bareHost(new URL(url)))
  const bans = await hostBansAmong(db, hosts)
  const ownHosts = await ownHostsAmong(db, hosts)
  return urls.flatMap(({ pointer, url }) => {
    const fault = isTargetBanned(bans, url)
      ? { code: "banned_target", detail: `leads to ${new URL(url).hostname}, which is banned` }
      : req.server.safety.faultOf(url, (host) => ownHosts.has(host))
    return fault === null ? [] : [{ pointer, ...fault }]
  })
}

function schemeProblems(req: FastifyRequest, urls: Placed[]): FieldProblem[] {
  return urls
    .filter(({ url }) => !req.server.appSchemes.has(schemeOf(url)))
    .map(({ pointer, url }) => {
      const detail = `${schemeOf(url)}: is no scheme that this instance allows`
      return { pointer, code: "scheme_not_allowed", detail }
    })
}
