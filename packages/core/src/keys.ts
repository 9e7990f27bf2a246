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

/*
 * A record's name is its key without the bucket. An edge knows records by their names: it makes one for each visit, and the key of it
 * only where Redis is asked.
 */
export const linkName = (host: string, code: string): string => `l:${host}/${code}`
export const domainName = (host: string): string => `d:${host}`
export const ruleSetName = (id: string): string => `s:${id}`
/** The one ban set of the instance. */
export const BANS_NAME = "b:instance"

export const recordKey = (name: string): string => `q:{${fnv1a(name) % BUCKETS}}${name}`
export const recordName = (key: string): string => key.slice(key.indexOf("}") + 1)

export const linkKey = (host: string, code: string): string => recordKey(linkName(host, code))
export const domainKey = (host: string): string => recordKey(domainName(host))
export const ruleSetKey = (id: string): string => recordKey(ruleSetName(id))
export const BANS_KEY = recordKey(BANS_NAME)

/** What a record is of, by the first letter of its name. */
export function recordKindOf(name: string): "link" | "domain" | "rule_set" | "bans" | undefined {
  switch (name.charAt(0)) {
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

/** FNV-1a, 32 bits, over UTF-16 code units. */
function fnv1a(text: string): number {
  // Texts come here in more of V8's kinds than it keeps track of, which makes each look at `length` dear.
  const { length } = text
  let hash = 0x811c9dc5
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
