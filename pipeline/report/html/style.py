"""The style sheet of the report: one text, whose hash is the only style that the page allows."""

from __future__ import annotations

import base64
import hashlib

from pipeline.report.specification_curve import COLOURS

# The colours of roles are those of the picture on the asset page; what is nearly black there follows the ink here.
_ROLES = "\n".join(
    f".role-{role} {{ --mark: {'var(--ink)' if role == 'robustness' else colour}; }}"
    for role, colour in COLOURS.items()
)

STYLE = (
    """
:root {
  color-scheme: light dark;
  --paper: #fdfdfb; --panel: #f4f4f0; --ink: #1d2226; --soft: #5a646c; --rule: #d9dad4; --faint: #ecece7;
  --a: #1f5f8b; --b: #b4531a; --c: #3f7d46; --d: #7a4b94; --e: #8a6d0b; --null: #b23a48; --warn: #8a5a00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15181b; --panel: #1d2125; --ink: #e4e6e3; --soft: #9fa8ae; --rule: #3a4046; --faint: #262b30;
    --a: #79b4de; --b: #e79a63; --c: #86c98e; --d: #c79be0; --e: #d9bd5b; --null: #ef8390; --warn: #e0b25a;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 1.5rem 1.25rem 4rem; max-width: 68rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: break-word;
}
h1, h2, h3 { line-height: 1.25; font-weight: 650; text-wrap: balance; }
h1 { font-size: 1.7rem; margin: 0 0 .25rem; }
h2 { font-size: 1.25rem; margin: 2.75rem 0 .5rem; padding-top: .6rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1rem; margin: 1.6rem 0 .3rem; }
p { margin: .4rem 0 .8rem; max-width: 46rem; }
a { color: var(--a); text-underline-offset: .15em; }
a:focus-visible, summary:focus-visible, .scroll:focus-visible { outline: 2px solid var(--a); outline-offset: 2px; }
code { font: .88em ui-monospace, "SFMono-Regular", Menlo, Consolas, monospace; }
.soft { color: var(--soft); }
.small { font-size: .86rem; }
.kicker { color: var(--soft); margin: 0 0 .2rem; font-size: .9rem; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; padding: 0; margin: 1rem 0 0; }
nav { font-size: .92rem; }
.facts { display: flex; flex-wrap: wrap; gap: .6rem 2.2rem; margin: 1.1rem 0; padding: .6rem 0;
  border: solid var(--rule); border-width: 1px 0; }
.facts dt { color: var(--soft); font-size: .82rem; }
.facts dd { margin: 0; font-size: 1.2rem; font-weight: 600; }
.scroll { overflow-x: auto; margin: .6rem 0 1rem; }
table { border-collapse: collapse; font-size: .86rem; line-height: 1.4; min-width: 100%; }
caption { text-align: left; color: var(--soft); padding: 0 0 .35rem; }
th, td { text-align: left; vertical-align: top; padding: .28rem .9rem .28rem 0; border-bottom: 1px solid var(--faint); }
th:last-child, td:last-child { padding-right: 0; }
thead th { border-bottom: 1px solid var(--rule); font-weight: 600; color: var(--soft); vertical-align: bottom; }
thead th.n { white-space: normal; }
tbody th { font-weight: 500; min-width: 10rem; }
.n { text-align: right; white-space: nowrap; }
.n .small { display: inline-block; max-width: 8rem; white-space: normal; }
.keep { white-space: nowrap; }
.wide { min-width: 12rem; }
.words { color: var(--warn); font-size: .8rem; max-width: 15rem; }
thead .words { color: var(--soft); font-size: inherit; }
.words a { color: inherit; text-decoration-color: var(--rule); }
.flag { border-left: 3px solid var(--warn); padding: .1rem 0 .1rem .8rem; margin: .8rem 0; }
.empty { color: var(--soft); font-style: italic; }
.verdict { font-weight: 600; white-space: nowrap; }
.verdict.equivalent { color: var(--c); }
.verdict.different { color: var(--b); }
.verdict.undecided, .verdict.not_comparable { color: var(--soft); }
details { margin: .5rem 0 1rem; }
summary { cursor: pointer; color: var(--soft); font-size: .92rem; }
dl.glossary { display: grid; grid-template-columns: minmax(9rem, max-content) 1fr; gap: .2rem 1.2rem;
  font-size: .88rem; }
dl.glossary dd { margin: 0; }
figure { margin: .8rem 0 1.4rem; }
figcaption { color: var(--soft); font-size: .86rem; margin-top: .3rem; max-width: 46rem; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 25rem), 1fr)); gap: .4rem 1.6rem; }
.grid figure { margin: .4rem 0; min-width: 0; }
footer { margin-top: 3rem; border-top: 1px solid var(--rule); padding-top: .8rem; color: var(--soft);
  font-size: .86rem; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { font: 12px system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif; fill: var(--soft); }
svg .title { font-weight: 600; fill: var(--ink); }
svg .name { fill: var(--ink); }
svg .strong { font-weight: 600; fill: var(--ink); }
svg .axis { stroke: var(--rule); stroke-width: 1; fill: none; }
svg .gridline { stroke: var(--faint); stroke-width: 1; }
svg .one { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 4 3; }
svg .stripe { fill: var(--panel); }
.s-a { --mark: var(--a); } .s-b { --mark: var(--b); } .s-c { --mark: var(--c); } .s-d { --mark: var(--d); }
.s-e { --mark: var(--e); } .s-null { --mark: var(--null); } .s-soft { --mark: var(--soft); }
svg .line { fill: none; stroke: var(--mark); stroke-width: 1.8; stroke-linejoin: round; }
svg .thin { fill: none; stroke: var(--mark); stroke-width: 1; stroke-dasharray: 3 3; }
svg .band { fill: var(--mark); fill-opacity: .16; stroke: none; }
svg .band.s-null { fill-opacity: .28; }
svg .bar { stroke: var(--mark); stroke-width: 2; }
svg .bar.primary { stroke-width: 3.5; }
svg .dot { fill: var(--mark); stroke: none; }
svg .none { fill: var(--rule); stroke: none; }
.wide-figure svg { min-width: 54rem; }
.figure-box svg { min-width: 42rem; }
.grid .figure-box svg { min-width: 24rem; }
@media (max-width: 40rem) {
  body { padding: 1rem .9rem 3rem; font-size: 15px; }
  h1 { font-size: 1.4rem; }
  dl.glossary { grid-template-columns: 1fr; }
  dl.glossary dt { margin-top: .5rem; }
}
@media print {
  :root { --paper: #fff; --panel: #f4f4f4; --ink: #000; --soft: #444; --rule: #bbb; --faint: #e4e4e4;
    --a: #1f5f8b; --b: #b4531a; --c: #3f7d46; --d: #7a4b94; --e: #8a6d0b; --null: #b23a48; --warn: #6b4700; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav { display: none; }
  .scroll { overflow: visible; }
  svg { min-width: 0 !important; }
  h2, h3 { break-after: avoid; }
  figure, tr { break-inside: avoid; }
  thead { display: table-header-group; }
}
"""
    + _ROLES
    + "\n"
)


def policy() -> str:
    """Return the content security policy: nothing but this very style sheet and pictures inside the page."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode("ascii")
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
