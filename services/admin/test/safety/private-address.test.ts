import { bareHost } from "@qiao/core/host.ts"
import t from "tap"

import { isPrivate } from "../../src/safety/private-address.ts"

const isPrivateUrl = (url: string) => isPrivate(bareHost(new URL(url)))

t.test(
  "an address or name that only resolves inside a network is private, however it is spelled",
  async (t) => {
    const hosts = [
      ...[
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "0177.0.0.1",
        "2130706433",
        "0x7f000001",
        "127.0.0.1.",
        "１２７.0.0.1",
      ],
      ...["0.0.0.0", "0", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "169.254.169.254"],
      ...[
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "192.0.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "198.19.255.255",
      ],
      ...["198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"],
      ...["[::1]", "[::]", "[::127.0.0.1]", "[::ffff:127.0.0.1]", "[::ffff:a00:1]", "[::ffff:0:10.0.0.1]"],
      ...["[fc00::1]", "[fd12:3456::1]", "[fe80::1]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]", "[3fff::1]"],
      ...[
        "[2001::1]",
        "[64:ff9b::10.0.0.1]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::1]",
        "[100::1]",
        "[4000::1]",
      ],
      ...["[2002:7f00:1::]", "[2002:a00:1::1]", "[2002:c0a8:101::1]"],
      ...["localhost", "LOCALHOST", "localhost.", "a.localhost", "printer.local", "metadata.google.internal"],
      ...["router.home.arpa", "wiki.corp", "nas.lan", "intranet", "intranet.", "a.localdomain"],
    ]
    for (const host of hosts) t.ok(isPrivateUrl(`http://${host}:8080/path`), host)
  },
)

t.test("a public address or name is not private", async (t) => {
  const hosts = [
    ...[
      "8.8.8.8",
      "1.1.1.1",
      "9.255.255.255",
      "11.0.0.0",
      "100.63.255.255",
      "100.128.0.0",
      "126.255.255.255",
    ],
    ...[
      "128.0.0.0",
      "169.253.0.1",
      "172.15.0.1",
      "172.32.0.1",
      "192.167.0.1",
      "198.17.0.1",
      "198.20.0.1",
      "223.5.5.5",
    ],
    ...[
      "[2001:4860:4860::8888]",
      "[2400:3200::1]",
      "[::ffff:8.8.8.8]",
      "[64:ff9b::8.8.8.8]",
      "[2002:808:808::1]",
    ],
    ...[
      "example.com",
      "localhost.com",
      "mylocal.cn",
      "internal.example.com",
      "home.arpa.example.com",
      "xn--fsqu00a.com",
    ],
  ]
  for (const host of hosts) t.notOk(isPrivateUrl(`http://${host}/`), host)
})
