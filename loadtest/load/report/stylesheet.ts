import { LIGHT_COLOURS, LOOK } from '../../../src/web/theme.js';

/** `printing` stands on the root while charts are drawn for paper: a canvas keeps the colours it was drawn with. */
export const STYLESHEET = `${LOOK}
:root.printing { color-scheme: light;${LIGHT_COLOURS}
}
.bar {
  display: flex; flex-wrap: wrap; align-items: center; gap: .25rem 1.5rem; min-height: 64px;
  padding: .5rem 2rem; background: var(--card); border-bottom: 1px solid var(--border);
}
.brand { font-size: 1.25rem; font-weight: 600; }
main { max-width: 80rem; margin: 0 auto; padding: 1.5rem 2rem 3rem; }
h1 { margin: 0; font-size: 1.5rem; font-weight: 600; line-height: 1.3; }
h2 { margin: 2rem 0 .75rem; font-size: 1.125rem; font-weight: 600; }
h3 { margin: 0; font-size: 1rem; font-weight: 600; }
p { margin: .375rem 0; }
.narrow { max-width: 44rem; }
.card { padding: 1rem; background: var(--card); border: 1px solid var(--border); border-radius: var(--radius); }
.verdict { padding: 1.25rem 1.5rem; border-left: .375rem solid var(--primary); }
.verdict.wrong { border-left-color: var(--destructive); }
.verdict .word { color: var(--primary); font-size: .875rem; font-weight: 600; }
.verdict .word.wrong { color: var(--destructive); }
.verdict .scroll { margin-top: 1rem; }
.beside { margin-top: 1rem; padding-top: .75rem; border-top: 1px solid var(--border); }
.verdict + p { margin-top: 1rem; }
.muted { color: var(--muted-foreground); }
.error { color: var(--destructive); font-weight: 600; }
td .code, th .code { display: inline-block; min-width: 16rem; }
code, .code { font-family: var(--font-mono); font-size: .875em; overflow-wrap: anywhere; }
pre { margin: 0; padding: 1rem; background: var(--muted); border-radius: var(--radius); white-space: pre-wrap; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--border); border-radius: var(--radius); }
table { width: 100%; border-collapse: collapse; font-size: .9375rem; }
th, td { padding: .5rem .75rem; border-bottom: 1px solid var(--border); text-align: left; vertical-align: top; }
tr:last-child > td, tbody tr:last-child > th { border-bottom: 0; }
thead th { color: var(--muted-foreground); font-size: .8125rem; font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 400; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
tbody .number { white-space: nowrap; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .375rem 1.5rem; margin: 0; }
dt { color: var(--muted-foreground); }
dd { margin: 0; overflow-wrap: anywhere; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 1rem; }
@media (min-width: 66rem) { .charts > :last-child:nth-child(odd) { grid-column: 1 / -1; } }
figure { min-width: 0; margin: 0; }
.legend { display: flex; flex-wrap: wrap; gap: .125rem 1.25rem; margin: .5rem 0; padding: 0; list-style: none; font-size: .875rem; }
.legend svg { width: 1.75rem; height: .75rem; margin-right: .375rem; vertical-align: -.0625rem; }
.stroke { stroke: var(--series); stroke-width: 2; }
.stroke.compared { stroke: var(--compared); }
.stroke.dashed { stroke-dasharray: 4 3; }
.square { fill: var(--series); }
.square.compared { fill: var(--compared); }
.stroke.mark { stroke: var(--foreground); stroke-width: 1; stroke-dasharray: 2 2; }
.drawing { height: 16rem; }
details { margin-top: .5rem; font-size: .875rem; }
summary { color: var(--primary); cursor: pointer; }
details .scroll { max-height: 22rem; margin-top: .5rem; overflow: auto; }
details thead th { position: sticky; top: 0; background: var(--card); }
.told {
  position: absolute; z-index: 1; padding: .25rem .5rem; border: 1px solid var(--border); border-radius: var(--radius);
  background: var(--card); font-size: .8125rem; line-height: 1.4; white-space: pre; pointer-events: none;
}
@media (max-width: 40rem) {
  .bar, main { padding-left: 1rem; padding-right: 1rem; }
  .card { padding: .75rem; }
  .drawing { height: 13rem; }
  td .code, th .code { min-width: 9rem; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .75rem; }
}
@media print {
  @page { margin: 14mm; }
  :root { color-scheme: light;${LIGHT_COLOURS}
    --background: #fff;
  }
  body { font-size: .8125rem; }
  main { max-width: none; padding: 1rem 0 0; }
  .bar { padding: 0; min-height: 0; border-bottom: 0; }
  .charts { display: block; }
  .charts > * + * { margin-top: 1rem; }
  .drawing { height: auto; }
  figure, tr { break-inside: avoid; }
  h2 { break-after: avoid; }
  details { display: none; }
  td .code, th .code { min-width: 0; }
  .scroll { overflow: visible; }
}
`;
