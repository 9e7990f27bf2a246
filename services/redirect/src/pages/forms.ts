export const FORM_STYLE = `
  label{display:block;margin:0 0 6px;font-weight:600}
  .field{display:block;width:100%;margin:0 0 16px;padding:12px 14px;border:1px solid var(--edge);border-radius:12px;background:var(--paper);color:var(--ink);font:inherit}
  .field:focus{outline-offset:-1px}
  .fault{margin:0 0 16px;padding:0 0 0 12px;border-left:4px solid var(--fault);font-weight:600}
  :root{--fault:#c62828}
  @media(prefers-color-scheme:dark){:root{--fault:#ff8a80}}`
