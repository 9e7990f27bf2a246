import Fastify from "fastify"

/** The least that Fastify can do for a redirect. Listens on the port it is given. */
const app = Fastify()
app.get("/:code", (_req, reply) => {
  reply.code(302).header("location", "https://example.com/").send()
})
await app.listen({ host: "127.0.0.1", port: Number(process.argv[2]) })
