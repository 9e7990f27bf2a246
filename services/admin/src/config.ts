import { count, logLevel, networks, parseEnv, port, postgresUrl, redisUrl, words } from "@qiao/core/env.ts"
import { hostOf } from "@qiao/core/host.ts"
import { z } from "zod"

const schema = z
  .object({
    DATABASE_URL: postgresUrl,
    REDIS_URL: redisUrl,
    LOG_LEVEL: logLevel,
    OPS_HOST: z.string().default("127.0.0.1"),
    /** City, ISP and ASN databases in MaxMind's format, instead of those that come with Qiao. */
    GEO_DATABASES: words,

    ADMIN_HOST: z.string().default("127.0.0.1"),
    ADMIN_PORT: port(8081),
    ADMIN_OPS_PORT: port(9081),
    /** Whose X-Forwarded-For is believed. */
    TRUSTED_PROXIES: networks,
    DATABASE_POOL_MAX: count(10),
    /** Requests a minute one API key may make. */
    RATE_LIMIT_PER_MINUTE: count(1_200),
    /** Requests a minute one client address may make without a valid key. */
    RATE_LIMIT_ANONYMOUS_PER_MINUTE: count(300),
    /** How many links the instance is laid out for: sets the length of new codes. */
    EXPECTED_LINKS: count(10_000_000),
    /** How long a write waits for its publication before it answers all the same. */
    PUBLISH_WAIT_MS: count(250, 0),
    /** Whether links may lead to private addresses and names: for development. */
    ALLOW_PRIVATE_TARGETS: z.stringbool().default(false),
    /** Schemes of apps that rules may lead to, besides the well-known ones. */
    APP_SCHEMES: words.refine(
      (list) => list.every((scheme) => /^[a-z][a-z0-9+.-]*$/.test(scheme)),
      "must be a list of schemes in lower case, such as myapp",
    ),
    /** Hosts that count as link shorteners, or with `!` before them do not, besides the known ones. */
    SHORTENERS_FILE: z.string().optional(),
    /** Feeds of hosts and urls that no link may lead to. */
    BLOCKLIST_FILES: words,
    /** Hosts that no feed blocks. */
    BLOCKLIST_EXCEPT: words.refine(
      (list) => list.every((host) => hostOf(host) === host),
      "must be a list of hosts in lower case (punycode)",
    ),
    /** Entries of all feeds together, 8 bytes each for as many as there are. */
    BLOCKLIST_ENTRIES_MAX: count(20_000_000),
    /** How often these files are looked at; one that changed is read once it is found unchanged the next time. */
    BLOCKLIST_RELOAD_MS: count(60_000),

    /** How many hosts, domains and workspaces may be banned at once: every edge holds them all. */
    BANS_MAX: count(10_000),

    PUBLISHER_OPS_PORT: port(9082),
    PUBLISH_BATCH_MAX: count(500),
    PUBLISH_POLL_MS: count(1_000),

    INGEST_OPS_PORT: port(9083),
    /** Must be the same on every edge and ingest. */
    CLICK_PARTITIONS: count(4),
    INGEST_BATCHES_MAX: count(400),
    /** Batches sealed longer ago are counted as expired, but for copies of those that came in time. */
    SPILL_MAX_AGE_HOURS: count(72),
    /** How long single visits and dead letters are kept, and at least as long as they may arrive late; the counts of them stay. */
    CLICK_RETENTION_DAYS: count(90),
    /** How long counts are kept by the quarter of an hour; after that by the day. */
    ROLLUP_QUARTERS_DAYS: count(35),
    /** Of a day's referrers, links and so on of one scope, those with the most visits keep their name, others become `(other)`. */
    ROLLUP_VALUES_MAX: count(500),
    /** The same of a link, of which there are many, and what is seldom says less. */
    ROLLUP_LINK_VALUES_MAX: count(100),

    /** Single visits that one answer of statistics may be worked out from. */
    STATS_VISITS_MAX: count(500_000),
    /** Exports that one admin process makes at a time. */
    EXPORTS_MAX: count(10),
    /** Live streams of one admin process, and how long one lasts. */
    LIVE_STREAMS_MAX: count(100),
    LIVE_STREAM_SECONDS: count(900),
  })
  .refine(
    ({ ROLLUP_QUARTERS_DAYS, SPILL_MAX_AGE_HOURS }) => ROLLUP_QUARTERS_DAYS * 24 > SPILL_MAX_AGE_HOURS,
    {
      path: ["ROLLUP_QUARTERS_DAYS"],
      error: "must be longer than SPILL_MAX_AGE_HOURS: until then visits may arrive",
    },
  )

export type Config = z.output<typeof schema>

/** Throws a ConfigError that names every variable that is wrong. */
export const parseConfig = (env: NodeJS.ProcessEnv): Readonly<Config> => parseEnv(schema, env)
