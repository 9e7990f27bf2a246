import t from "tap"
import { bareHost, hostOf, namesAbove } from "../src/host.ts"

t.test("a host is known in lower case, IDNA, without port and trailing dot", async (t) => {
  const hosts: [string | undefined, string | null][] = [
    ["S.Example.COM", "s.example.com"],
    ["s.example.com:8080", "s.example.com"],
    ["s.example.com.", "s.example.com"],
    ["s.example.com.:443", "s.example.com"],
    ["例子.com", "xn--fsqu00a.com"],
    ["127.0.0.1:80", "127.0.0.1"],
    ["[::1]:80", "[::1]"],
    [undefined, null],
    ["", null],
    ["a/b", null],
    ["a@b", null],
    ["a b", null],
    ["a?b", null],
    [":80", null],
    ["a:99999", null],
    [".", null],
  ]
  for (const [header, host] of hosts) t.equal(hostOf(header), host, String(header))
})

t.test("a host is told without trailing dots, and so is every name above it", async (t) => {
  t.equal(bareHost(new URL("https://A.example.com..:8443/x")), "a.example.com")
  t.same(namesAbove("a.example.com"), ["a.example.com", "example.com", "com"])
  t.same(namesAbove("localhost"), ["localhost"])
})
