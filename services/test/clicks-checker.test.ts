import t from "tap"
import { check, type Findings, NOTHING } from "./support/click-checker.ts"
import { startLoad } from "./support/load.ts"
import { expectExact, expectOnlyRedirects, moreVisits } from "./support/verdict.ts"

t.test("without faults everything is counted once, and each way to falsify it is found", async (t) => {
  const { bed, driver } = await startLoad(t, { edges: 2 })
  await moreVisits(driver, 300)
  const { duplicates, dropped, vanished } = await expectExact(t, bed, driver)
  t.same({ duplicates, dropped, vanished }, { duplicates: 0, dropped: 0, vanished: 0 })
  expectOnlyRedirects(t, driver)

  const session = await bed.openSession()
  /** What the checker finds once the statement is done; it is undone after. */
  const findingsAfter = async (statement: string): Promise<Findings> => {
    await session.query("begin")
    await session.query(statement)
    const findings = await check(session, driver.visits)
    await session.query("rollback")
    return findings
  }
  const one = "select ctid, tableoid from visits where referrer = 'v7.example'"
  const other =
    "insert into visits select (jsonb_populate_record(v, $$changes$$)).* from visits v where referrer = 'v7.example'"
  t.match(await findingsAfter(`delete from visits where (ctid, tableoid) in (${one})`), {
    lost: ["v7.example"],
  })
  const falsified: [keyof Findings, string][] = [
    ["doubled", other.replace("changes", "{}")],
    ["invented", other.replace("changes", '{"referrer": "nobody.example"}')],
    ["misdated", "update visits set at = at - interval '1 minute' where referrer = 'v7.example'"],
    ["contradictions", "update link_totals set clicks = clicks + 1"],
    ["contradictions", "update quarter_rollups set visits = '1' || visits where value like '%v7.example%'"],
    ["contradictions", "delete from quarter_rollups where scope_id like 'dom%' and family = 'client'"],
    ["contradictions", "update day_rollups set visits = '1' || visits where family = 'visitors'"],
    ["unbalanced", "update edge_instances set accepted = accepted + 1"],
    ["unbalanced", "update edge_instances set duplicate_batches = duplicate_batches + 1"],
    ["unbalanced", "delete from click_batches"],
  ]
  for (const [kind, statement] of falsified) {
    const findings = await findingsAfter(statement)
    t.ok(findings[kind].length > 0, `${kind}: ${statement}`)
  }
  t.same(await check(bed.db, driver.visits), NOTHING, "and it was all undone")
})
