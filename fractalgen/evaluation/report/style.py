"""How the page looks: one accent colour on paper or on slate, at any width, and in print."""

__all__ = ["STYLE"]

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fdfcfa; --ink: #211f1c; --quiet: #655f58; --rule: #dcd6cd; --accent: #a33b12;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #181715; --ink: #ece8e1; --quiet: #aaa297; --rule: #3b3733; --accent: #ee9460;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 3.5rem 1.25rem 4rem; max-width: 62rem;
  background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans",
    Helvetica, Arial, sans-serif;
  font-variant-numeric: tabular-nums;
}
header p, .note, small, figcaption, .conditions { color: var(--quiet); }
.kicker {
  margin: 0 0 .5rem; font-size: .8125rem; letter-spacing: .08em; text-transform: uppercase;
}
h1 {
  margin: 0; font-size: clamp(1.625rem, 1.1rem + 2.2vw, 2.5rem); font-weight: 650;
  line-height: 1.15; letter-spacing: -.02em; overflow-wrap: anywhere;
}
h1 span { white-space: nowrap; }
header p:last-child { margin: .75rem 0 0; overflow-wrap: anywhere; }
h2 { margin: 0 0 .25rem; font-size: 1.25rem; font-weight: 650; letter-spacing: -.01em;
  overflow-wrap: anywhere; }
section { margin-top: 3.5rem; }
.note { margin: 0 0 1.25rem; max-width: 42rem; overflow-wrap: anywhere; }

.lead {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(8.75rem, 1fr));
  gap: 1.5rem 1.25rem; margin: 2.5rem 0 0; padding: 1.5rem 0 0; border-top: 2px solid var(--ink);
}
.lead div { display: flex; flex-direction: column-reverse; justify-content: flex-end; }
.lead dt { font-size: .875rem; line-height: 1.35; color: var(--quiet); overflow-wrap: anywhere; }
.lead dd { margin: 0 0 .125rem; font-size: 2rem; line-height: 1.15; letter-spacing: -.02em; }
.lead div:first-child dd { color: var(--accent); }

table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-weight: inherit; }
td { text-align: right; white-space: nowrap; }
th, td { padding: .5rem 0; vertical-align: top; border-bottom: 1px solid var(--rule); }
.figures tbody th[scope=rowgroup] {
  padding: 1.75rem 0 .375rem; border-bottom: 1px solid var(--ink); overflow-wrap: anywhere;
}
.figures tbody:first-of-type th[scope=rowgroup] { padding-top: .5rem; }
.figures th strong { font-weight: 650; }
.figures .conditions { font-size: .875rem; }
.figures th[scope=row] { padding-right: 1.5rem; }
small { display: block; font-size: .8125rem; line-height: 1.4; }
.figures td { font-size: 1.125rem; }

.scroll { overflow-x: auto; }
.scroll th { white-space: nowrap; padding-right: 1rem; }
.scroll td { padding-left: 1rem; }
.scroll th, .scroll td { padding-top: .25rem; padding-bottom: .25rem; font-size: .875rem; }
thead th { color: var(--quiet); }
thead th:not(:first-child) { text-align: right; padding-right: 0; padding-left: 1rem; }

.cards {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(10.5rem, 1fr));
  gap: 1.75rem 1.25rem;
}
@media (max-width: 26rem) {
  .cards { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1.5rem 1rem; }
}
.card { display: flex; flex-direction: column; justify-content: flex-end; margin: 0; }
.card figcaption {
  display: flex; justify-content: space-between; align-items: end; gap: .5rem; margin: 0 0 .375rem;
  font-size: .875rem; line-height: 1.3; color: var(--ink);
}
.card figcaption span:last-child { color: var(--quiet); }
.card .images { margin-bottom: .5rem; }

svg { display: block; fill: var(--accent); }
.bars { width: 100%; max-width: 12rem; overflow: visible; }
.bar { width: 100%; height: .625rem; }
.axis { fill: none; stroke: var(--ink); stroke-width: 1; }
.clean { fill: none; stroke: var(--ink); stroke-width: 1; stroke-dasharray: 3 2; }
.grid { fill: none; stroke: var(--rule); stroke-width: 1; }
.ideal { fill: none; stroke: var(--ink); stroke-width: 1.25; stroke-dasharray: 4 3; }
.count { fill: var(--quiet); }
.reliability { width: 100%; max-width: 25rem; }
.reliability text { fill: var(--quiet); font-size: 12px; }
.beside { display: grid; gap: 1.5rem 3rem; align-items: start; }
@media (min-width: 46rem) { .beside { grid-template-columns: minmax(0, 1fr) 25rem; } }

.flips { max-width: 42rem; }
.flips th { width: 8rem; padding-right: 1rem; }
.flips td:last-child { width: 4rem; }
.flips td { vertical-align: middle; }
.flips th, .flips td { padding-top: .3125rem; padding-bottom: .3125rem; font-size: .875rem; }

img { display: block; height: auto; image-rendering: pixelated; background: var(--rule); }
img.smooth { image-rendering: auto; }
.images { display: flex; flex-wrap: wrap; gap: .375rem; }
.views { display: grid; grid-template-columns: repeat(auto-fill, minmax(17.5rem, 1fr));
  gap: .5rem 2rem; }
.views .images { padding: 4px 0 4px 4px; }
.views .images img:first-child { outline: 2px solid var(--accent); outline-offset: 2px;
  margin-right: .375rem; }
.captioned { display: flex; flex-wrap: wrap; gap: 1.25rem 1rem; }
.captioned figure { margin: 0; width: 6.5rem; }
.captioned figcaption { margin-top: .25rem; font-size: .8125rem; line-height: 1.35;
  overflow-wrap: anywhere; }

.origin { font-size: .875rem; }
.origin th, .origin td { padding: .25rem 0; }
.origin th { width: 11rem; padding-right: 1rem; color: var(--quiet); overflow-wrap: anywhere; }
.origin td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
.origin tbody + tbody th[scope=rowgroup] { padding-top: 1.25rem; }
.origin th[scope=rowgroup] { color: var(--ink); font-weight: 650; border-color: var(--ink); }
@media (max-width: 30rem) { .origin th { width: 45%; } }

@media print {
  :root { --paper: #fff; --ink: #000; --quiet: #444; --rule: #bbb; --accent: #a33b12; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  section { margin-top: 2rem; }
  .card, .reliability, .views .images, figure, tr { break-inside: avoid; }
  h2, .note, th[scope=rowgroup] { break-after: avoid; }
  svg, img { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
