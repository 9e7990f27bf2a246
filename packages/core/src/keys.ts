/**
 * Every Redis key, stream and channel. Records live in 64 buckets: a bucket's hash tag puts its records and its completeness
 * marker into one slot of a Redis Cluster, so that one atomic MGET reads both and a lost shard loses both.
 */
export const BUCKETS = 64

/** Changed records and the publisher's heartbeat. A message is `<key> <epoch>.<revision>` or HEARTBEAT. */
export const CHANGES_CHANNEL = "q:changes"
export const HEARTBEAT = "heartbeat"

/** When the last heartbeat was sent, in epoch milliseconds. */
export const HEARTBEAT_KEY = "q:heartbeat"

export const CLICK_GROUP = "ingest"

const LINKS = fnv1a("l:")

/** Made for each visit, hence hashed by its parts: V8 copies a text that was just put together before its characters can be read. */
export const linkKey = (host: string, code: string): string =>
  recordKey(`l:${host}/${code}`, fnv1a(code, fnv1a("/", fnv1a(host, LINKS))))

export const domainKey = (host: string): string => recordKey(`d:${host}`)

export const ruleSetKey = (id: string): string => recordKey(`s:${id}`)

/** The one ban set of the instance. */
export const BANS_KEY = recordKey("b:instance")

/** What a record's key is of, by the letter behind its bucket. */
export function recordKindOf(key: string): "link" | "domain" | "rule_set" | "bans" | undefined {
  switch (key.charAt(key.indexOf("}") + 1)) {
    case "l":
      return "link"
    case "d":
      return "domain"
    case "s":
      return "rule_set"
    case "b":
      return "bans"
  }
}

/** The marker that says "every published record of this bucket is here". Its value is the epoch. */
export const markerKey = (bucket: number): string => `q:{${bucket}}complete`

/** Says "the filling of this bucket with this epoch is under way"; it dies with the bucket's data. */
export const refillKey = (bucket: number): string => `q:{${bucket}}refill`

/** Prefix of the admin API's rate counters. */
export const RATE_PREFIX = "q:rate:"

export const markerKeyOf = (recordKey: string): string =>
  `${recordKey.slice(0, recordKey.indexOf("}") + 1)}complete`

/** Matches every record of every bucket, but neither markers nor counters. */
export const RECORD_PATTERN = "q:{*}[ldsb]:*"

/** The counter of a link with `maxClicks`: a hash, which the publisher makes and no edge does. Where it is missing, nobody knows. */
export const capKey = (linkId: string): string => `q:{${linkId}}maxclicks`
/** Its field with how many clicks were given away. */
export const CAP_USED = "used"
export const CAP_PATTERN = "q:{*}maxclicks"
/** The link of a counter's key. */
export const capLinkId = (capKey: string): string =>
  capKey.slice(capKey.indexOf("{") + 1, capKey.indexOf("}"))

export const clickStreamKey = (partition: number): string => `q:{clicks-${partition}}`

/** Visits as they are stored, for whoever listens to a workspace. */
export const liveChannel = (workspaceId: string): string => `${LIVE_PREFIX}${workspaceId}`
export const LIVE_PREFIX = "q:live:"

/** What visitors reported, on its way to Postgres. */
export const REPORTS_KEY = "q:reports"

export const deadLetterKey = (partition: number): string => `q:{clicks-${partition}}dead`

function recordKey(name: string, hash = fnv1a(name)): string {
  return `q:{${hash % BUCKETS}}${name}`
}

/** FNV-1a, 32 bits, over UTF-16 code units; goes on from the `hash` of what comes before. */
function fnv1a(text: string, hash = 0x811c9dc5): number {
  // Texts come here in more of V8's kinds than it keeps track of, which makes each look at `length` dear.
  const { length } = text
  let next = hash
  for (let i = 0; i < length; i++) next = Math.imul(next ^ text.charCodeAt(i), 0x01000193)
  return next >>> 0
}
