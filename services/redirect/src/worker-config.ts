import type { Config } from "./config.ts"

/**
 * What a worker's edge has for itself. The first one has SPILL_DIR, like an edge that is alone, and takes over what lies in the folders
 * of those that are no more; the others have folders in it.
 */
export function ofWorker(config: Config, slot: number): Config {
  const { SPILL_DIR, SPILL_MAX_MB, WORKERS } = config
  return {
    ...config,
    SPILL_DIR: SPILL_DIR === undefined || slot === 0 ? SPILL_DIR : `${SPILL_DIR}/worker-${slot}`,
    SPILL_MAX_MB: SPILL_MAX_MB / WORKERS,
  }
}
