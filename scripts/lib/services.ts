import { fileURLToPath } from "node:url"

/** The processes of Qiao: their entry file and the variables that set their ports. */
export const services = {
  edge: {
    script: "services/redirect/src/server.ts",
    port: { variable: "EDGE_PORT", usual: 8080 },
    opsPort: { variable: "EDGE_OPS_PORT", usual: 9080 },
  },
  admin: {
    script: "services/admin/src/server.ts",
    port: { variable: "ADMIN_PORT", usual: 8081 },
    opsPort: { variable: "ADMIN_OPS_PORT", usual: 9081 },
  },
  publisher: {
    script: "services/admin/src/publisher.ts",
    opsPort: { variable: "PUBLISHER_OPS_PORT", usual: 9082 },
  },
  ingest: {
    script: "services/admin/src/ingest.ts",
    opsPort: { variable: "INGEST_OPS_PORT", usual: 9083 },
  },
} as const

export type ServiceName = keyof typeof services

export const serviceNames = ["edge", "admin", "publisher", "ingest"] as const satisfies ServiceName[]

export const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "")
