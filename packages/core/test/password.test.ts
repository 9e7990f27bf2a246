import t from "tap"
import { hashPassword, verifyPassword } from "../src/password.ts"

t.test("a password opens what it closed, in whatever form it is typed, and another does not", async (t) => {
  const hash = await hashPassword("Caf\u00e9 密码", Buffer.alloc(16, 7))
  t.match(hash, /^\$scrypt\$ln=14,r=8,p=1\$[\w-]{22}\$[\w-]{43}$/)
  t.equal(await verifyPassword("Cafe\u0301 密码", hash), true)
  t.equal(await verifyPassword("Cafe 密码", hash), false)
  t.not(hash, await hashPassword("Café 密码", Buffer.alloc(16, 8)), "salted")
  await t.rejects(verifyPassword("x", "plain"), { message: "not a password hash" })
})
