import t from "tap"
import { normaliseTarget, TARGET_LENGTH_MAX } from "../src/target.ts"

t.test("a good target becomes its ASCII href", async (t) => {
  const targets: [string, string][] = [
    ["https://example.com", "https://example.com/"],
    ["HTTP://EXAMPLE.com:80/a?b#c", "http://example.com/a?b#c"],
    ["https://例子.com/路?名=值#片", "https://xn--fsqu00a.com/%E8%B7%AF?%E5%90%8D=%E5%80%BC#%E7%89%87"],
    ["https://example.com/a/../b", "https://example.com/b"],
    ["https://[::1]:8080/", "https://[::1]:8080/"],
  ]
  for (const [input, url] of targets) t.same(normaliseTarget(input), { ok: true, url }, input)
})

t.test("a wrong target is refused with what is wrong, never repaired", async (t) => {
  const faults: [string, string][] = [
    ["", "url_scheme"],
    ["example.com", "url_scheme"],
    ["/path", "url_scheme"],
    ["javascript:alert(1)", "url_scheme"],
    ["data:text/html,x", "url_scheme"],
    ["ftp://example.com/", "url_scheme"],
    ["http:example.com", "url_scheme"],
    ["https:///example.com", "url_scheme"],
    ["weixin://dl/chat", "url_scheme"],
    ["https://user@example.com/", "url_credentials"],
    ["https://user:pass@example.com/", "url_credentials"],
    [" https://example.com/", "url_bad_character"],
    ["https://exa mple.com/", "url_bad_character"],
    ["https://example.com/\r\nSet-Cookie:a=b", "url_bad_character"],
    ["https://exam\tple.com/", "url_bad_character"],
    ["https://example.com\\@evil.com/", "url_bad_character"],
    ["https://example.com/\u0000", "url_bad_character"],
    ["https://example.com/\ud800", "url_bad_character"],
    ["https://exa%mple.com/", "url_invalid"],
    ["https://example.com:99999/", "url_invalid"],
    ["https://example..com/", "url_invalid"],
    ["https://example.com../", "url_invalid"],
    [`https://${"a.".repeat(127)}com/`, "url_invalid"],
    [`https://example.com/${"a".repeat(TARGET_LENGTH_MAX)}`, "url_too_long"],
  ]
  for (const [input, code] of faults)
    t.match(normaliseTarget(input), { ok: false, code }, JSON.stringify(input))
})
