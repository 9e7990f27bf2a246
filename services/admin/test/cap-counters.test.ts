import { CAP_USED, capKey } from "@qiao/core/keys.ts"
import type { Link } from "@qiao/core/link.ts"
import { sql } from "kysely"
import t, { type Test } from "tap"
import { seededRandom } from "../../../packages/core/test/support/random.ts"
import { startRedis } from "../../test/support/redis.ts"
import { waitFor } from "../../test/support/wait.ts"
import { endCaps, startCaps } from "../src/publishing/cap-counters.ts"
import { findDrift, repairDrift } from "../src/publishing/drift.ts"
import { mend, publishDue } from "../src/publishing/publishing.ts"
import { refill } from "../src/publishing/refill.ts"
import type { PublishableRecord } from "../src/repositories/publishable.ts"
import { FOR_EVER } from "../src/repositories/upkeep/erasures.ts"
import { startAdmin } from "./support/admin.ts"
import { expectNoDrift, NO_DRIFT, publishAll, publisherOf, runPublisher } from "./support/publisher.ts"
import { seedLinks } from "./support/seed.ts"

const redis = await startRedis(t, { appendOnly: false })

async function setUp(t: Test) {
  await redis.flush()
  const admin = await startAdmin(t, { redis })
  const publisher = await publisherOf(t, admin)
  const client = publisher.redis
  return {
    admin,
    publisher,
    used: async (id: string) => {
      const used = await client.hget(capKey(id), CAP_USED)
      return used === null ? null : Number(used)
    },
    /** As an edge does it. */
    take: (id: string, clicks = 1) => client.hincrby(capKey(id), CAP_USED, clicks),
    isEnding: async (id: string) => {
      const seconds = await client.ttl(capKey(id))
      return seconds > 0 && seconds <= 60
    },
    lasts: async (id: string) => (await client.ttl(capKey(id))) === -1,
    /** What ingest has counted so far. */
    count: (id: string, clicks: number) =>
      sql`insert into link_totals (link_id, visits, clicks) values (${id}, ${clicks}, ${clicks})
        on conflict (link_id) do update set clicks = excluded.clicks, visits = excluded.visits`.execute(
        admin.db,
      ),
    patch: async (id: string, changes: object) => {
      const { status, text } = await admin.call("PATCH", `/v1/links/${id}`, changes)
      if (status !== 200) throw new Error(text)
      await publishAll(publisher)
    },
    newLink: async (settings: object) => {
      const link = await admin.newLink(settings)
      await publishAll(publisher)
      return link
    },
  }
}

t.test("the counter is there before the record that asks for it", async (t) => {
  const { admin, publisher } = await setUp(t)
  const link = await admin.newLink({ maxClicks: 5 })
  const seen: number[] = []
  const spied = Object.create(publisher.redis, { putRecord: { value: put } })
  async function put(...args: Parameters<typeof publisher.redis.putRecord>) {
    if (args[3].includes(link.id)) seen.push(await publisher.redis.exists(capKey(link.id)))
    return publisher.redis.putRecord(...args)
  }
  while ((await publishDue({ ...publisher, redis: spied })) > 0);
  await refill({ ...publisher, redis: spied })
  await redis.flush()
  await refill({ ...publisher, redis: spied })
  t.same(seen, [1, 1, 1])
})

t.test(
  "a counter starts with the clicks that Postgres has, those before maxClicks were set included",
  async (t) => {
    const { newLink, count, patch, used } = await setUp(t)
    const fresh = await newLink({ maxClicks: 5 })
    t.equal(await used(fresh.id), 0)
    const plain = await newLink({})
    t.equal(await used(plain.id), null, "without maxClicks there is none")
    await count(plain.id, 4)
    await patch(plain.id, { maxClicks: 10 })
    t.equal(await used(plain.id), 4)
  },
)

t.test("an edit keeps what the edges took, and raises it to what was counted", async (t) => {
  const { newLink, take, count, patch, used, lasts } = await setUp(t)
  const { id } = await newLink({ maxClicks: 5 })
  await take(id, 3)
  await count(id, 2)
  await patch(id, { maxClicks: 20 })
  t.equal(await used(id), 3, "ingest is behind")
  await count(id, 9)
  await patch(id, { title: "x" })
  t.equal(await used(id), 9, "9 were given away while nobody counted")
  t.ok(await lasts(id))
})

t.test(
  "the counter of a link without maxClicks ends a minute later, and goes on if they are set again",
  async (t) => {
    const { newLink, take, count, patch, used, isEnding, lasts } = await setUp(t)
    const { id } = await newLink({ maxClicks: 5 })
    await take(id, 3)
    await patch(id, { maxClicks: null })
    t.ok(await isEnding(id))
    await patch(id, { title: "x" })
    t.ok(await isEnding(id))
    await count(id, 7)
    await patch(id, { maxClicks: 9 })
    t.equal(await used(id), 7, "with the clicks that were counted meanwhile")
    t.ok(await lasts(id))
  },
)

t.test("the counter of a deleted link ends, and who takes its code has one of their own", async (t) => {
  const { admin, publisher, newLink, take, used, isEnding, lasts } = await setUp(t)
  const first = await newLink({ code: "again", maxClicks: 5 })
  await take(first.id, 5)
  await admin.call("DELETE", `/v1/links/${first.id}`)
  await publishAll(publisher)
  t.ok(await isEnding(first.id))
  const second = await newLink({ code: "again", reuse: true, maxClicks: 5 })
  t.equal(await used(second.id), 0)
  await admin.call("DELETE", `/v1/links/${second.id}`)
  const third = await newLink({ code: "again", reuse: true, maxClicks: 5 })
  t.ok(await isEnding(second.id), "also when both changes are published as one")
  t.ok(await lasts(third.id))
  t.ok(await isEnding(first.id))
  await expectNoDrift(t, publisher)
})

t.test("what an older publisher says of a counter has no effect, whenever it comes", async (t) => {
  const { publisher, newLink, take, used, isEnding, lasts } = await setUp(t)
  const { id } = await newLink({ maxClicks: 5 })
  const key = capKey(id)
  const at = (revision: number, isCapped: boolean): PublishableRecord[] => [
    {
      ...{ key: "unused", value: "", revision, uncounted: isCapped ? [] : [id] },
      counted: isCapped ? { linkId: id, used: 0, since: 0 } : null,
    },
  ]
  await startCaps(publisher.redis, 0, at(7, true))
  await take(id, 2)
  await endCaps(publisher.redis, 0, at(6, false))
  t.ok(await lasts(id), "an end that was overtaken")
  await endCaps(publisher.redis, 0, at(8, false))
  await startCaps(publisher.redis, 0, at(7, true))
  t.ok(await isEnding(id), "a start that was overtaken")
  await startCaps(publisher.redis, 1, at(2, true))
  t.equal(await used(id), 2)
  await endCaps(publisher.redis, 0, at(9, false))
  t.ok(await lasts(id), "an end of an older epoch")
  await publisher.redis.del(key)
  await endCaps(publisher.redis, 1, at(9, false))
  t.equal(await used(id), null, "an end makes none")
})

t.test("clicks that were erased count no more, those that came since do", async (t) => {
  const { admin, newLink, take, count, patch, used } = await setUp(t)
  const { id } = await newLink({ maxClicks: 5 })
  await take(id, 5)
  await count(id, 1)
  await sql`update links set clicks_erased_at = now() where id = ${id}`.execute(admin.db)
  await patch(id, { title: "x" })
  t.equal(await used(id), 1)
  await take(id, 2)
  await patch(id, { title: "y" })
  t.equal(await used(id), 3)
})

t.test("while clicks are being erased a counter stays as it is, whatever is left in Postgres", async (t) => {
  const { admin, newLink, take, count, patch, used } = await setUp(t)
  const { id } = await newLink({ maxClicks: 5 })
  const eraseSince = (at: Date) =>
    sql`update links set clicks_erased_at = ${at} where id = ${id}`.execute(admin.db)
  for (const finishedAt of [new Date(1_000), new Date(2_000)]) {
    await take(id, 5)
    await eraseSince(FOR_EVER)
    await count(id, 0)
    await patch(id, { title: `being erased until ${finishedAt.getTime()}` })
    t.equal(await used(id), 5)
    await eraseSince(finishedAt)
    await patch(id, { title: "erased" })
    t.equal(await used(id), 0)
  }
})

t.test("after Redis was flushed every counter starts from what Postgres has", async (t) => {
  const { publisher, newLink, take, count, used } = await setUp(t)
  const { id } = await newLink({ maxClicks: 10 })
  await take(id, 8)
  await count(id, 6)
  await redis.flush()
  await mend(publisher)
  t.equal(await used(id), 6, "two were not ingested yet")
  await expectNoDrift(t, publisher)
})

t.test("a refill loses nothing that the edges take meanwhile, and ends what nobody needs", async (t) => {
  const { admin, publisher, newLink, take, used, isEnding } = await setUp(t)
  await seedLinks(admin, 1_500)
  const { id } = await newLink({ maxClicks: 1_000_000 })
  await publisher.redis.hset(capKey("lnk_unknown"), { epoch: 0, revision: 3, [CAP_USED]: 4 })
  let isFilling = true
  let taken = 0
  const edge = async () => {
    while (isFilling) {
      await take(id)
      taken++
    }
  }
  const edges = [edge(), edge()]
  for (let i = 0; i < 3; i++) await refill(publisher)
  isFilling = false
  await Promise.all(edges)
  t.ok(taken > 0)
  t.equal(await used(id), taken)
  t.ok(await isEnding("lnk_unknown"))
  await expectNoDrift(t, publisher)
})

t.test("counters that are missing or left over are found and repaired", async (t) => {
  const { admin, publisher, newLink, take, count, used } = await setUp(t)
  const [lost, free] = [await newLink({ maxClicks: 10 }), await newLink({})]
  await take(lost.id, 3)
  await count(lost.id, 3)
  await publisher.redis.del(capKey(lost.id))
  await publisher.redis.hset(capKey(free.id), CAP_USED, 3)
  const drift = await findDrift(admin.db, publisher.redis)
  t.match(drift, {
    ...NO_DRIFT,
    ...{ missingCounters: [capKey(lost.id)], leftOverCounters: [capKey(free.id)] },
  })
  await repairDrift(admin.db, publisher.redis, drift)
  await publishAll(publisher)
  t.equal(await used(lost.id), 3)
  t.equal(await used(free.id), null)
  await expectNoDrift(t, publisher)
})

t.test(
  "three publishers and writers who set and unset maxClicks leave the counters that are needed",
  async (t) => {
    const { admin, publisher } = await setUp(t)
    const random = seededRandom(t)
    const { ids } = await seedLinks(admin, 12)
    for (const each of [publisher, await publisherOf(t, admin), await publisherOf(t, admin)]) {
      runPublisher(t, each, admin.databaseUrl, 20)
    }
    const write = async () => {
      for (let i = 0; i < 30; i++) {
        const maxClicks = random.pick([null, null, 3, 1_000])
        await admin.call("PATCH", `/v1/links/${ids[random.below(ids.length)]}`, { maxClicks })
      }
    }
    await Promise.all([write(), write(), write(), write()])
    const due = () => sql`select 1 from publications where revision <> published_revision`.execute(admin.db)
    await waitFor("everything to be published", async () => (await due()).rows.length === 0)
    await expectNoDrift(t, publisher)
    for (const id of ids) {
      const { maxClicks } = (await admin.call<Link>("GET", `/v1/links/${id}`)).body
      const seconds = await publisher.redis.ttl(capKey(id))
      t.ok(maxClicks === null ? seconds !== -1 : seconds === -1, `${maxClicks} and ${seconds}`)
    }
  },
)
