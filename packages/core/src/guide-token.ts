/** The query parameter that is ours: it tells that a visitor who saw the guide page came back, and is never passed on. */
export const GUIDE_PARAMETER = "_qg"

const OURS = /^(?:_|%5f)(?:q|%71)(?:g|%67)(?:=|$)/i
const MAY_HAVE_OURS = /(?:_|%5f)(?:q|%71)(?:g|%67)/i

/** 64 bits in base64url, tied to nothing. */
const TOKEN = /^[\w-]{11}$/

export const isGuideToken = (token: string): boolean => TOKEN.test(token)

/** The raw query without the token, and the token, "" where there is none. */
export function takeGuideToken(query: string): { query: string; token: string } {
  if (!MAY_HAVE_OURS.test(query)) return { query, token: "" }
  const pairs = query.split("&")
  const ours = pairs.find((pair) => OURS.test(pair))
  const token = ours?.slice(ours.indexOf("=") + 1) ?? ""
  return {
    query: pairs.filter((pair) => !OURS.test(pair)).join("&"),
    token: isGuideToken(token) ? token : "",
  }
}
