/** The advisory locks that processes share, of one key, or of this and another where they are many. */
export const LOCKS = {
  refill: 7_101,
  /** And the partition of the click streams. */
  clickPartition: 7_102,
  tablePartitions: 7_103,
  /** And the workspace. */
  tags: 7_104,
  upkeep: 7_105,
  counting: 7_106,
} as const
