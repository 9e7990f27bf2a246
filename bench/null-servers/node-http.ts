import { createServer } from "node:http"

/** The least that Node can do for a redirect. Listens on the port it is given. */
createServer((_req, res) => {
  res.writeHead(302, { location: "https://example.com/", "content-length": "0" }).end()
}).listen(Number(process.argv[2]), "127.0.0.1")
