import Fastify from "fastify"

/** The least that Fastify can do for a redirect. Prints its port. */
const app = Fastify()
app.get("/:code", (_req, reply) => {
  reply.code(302).header("location", "https://example.com/").send()
})
console.log(new URL(await app.listen({ host: "127.0.0.1", port: 0 })).port)
