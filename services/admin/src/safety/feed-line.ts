import { isIP } from "node:net"

const COMMENT = /^(#|!|\[Adblock)/
const URL_START = /^https?:\/\//i
const CSV_HEADING = /(^|,)"?url"?(,|$)/i
const ADBLOCK_HOST = /^\|\|([^/^$*|]+)\^(?:\$all)?$/

/**
 * The hosts and urls a line of a feed lists: none for a comment or a heading, null when it is not understood. Each line tells its own
 * format, so files may mix them:
 * - a url, or a host with or without a path: URLhaus "plain-text URL list", OpenPhish, domain lists, also as `*.host`
 * - an address and the names sent there: a hosts file, as URLhaus "hostfile" is (`127.0.0.1<tab>host`)
 * - CSV; the first field that is a url counts: URLhaus "database dump" (`"id","dateadded","url",…`, its heading a comment) and PhishTank
 *   online-valid.csv (`phish_id,url,phish_detail_url,…`). https://urlhaus.abuse.ch/api/, https://phishtank.org/developer_info.php
 * - `||host^`, the rule of adblock lists for a host with its subdomains
 */
export function entriesOf(line: string): string[] | null {
  const text = line.replace("\ufeff", "").trim()
  if (text === "" || COMMENT.test(text)) return []
  if (URL_START.test(text)) return [text]
  if (text.includes(",")) {
    for (const field of fieldsOf(text)) if (URL_START.test(field)) return [field]
    return CSV_HEADING.test(text) ? [] : null
  }
  const [first = "", ...names] = text.replace(/\s#.*/, "").split(/\s+/)
  if (names.length > 0) return isIP(first) === 0 ? null : names
  const host = ADBLOCK_HOST.exec(first)?.[1] ?? first.replace(/^\*?\./, "")
  return [host]
}

/** The fields of one CSV record, RFC 4180, as far as they are asked for. */
function* fieldsOf(record: string): Generator<string> {
  for (const [, quoted, plain = ""] of record.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)) {
    yield quoted?.replaceAll('""', '"') ?? plain
  }
}
