"""How the report looks: light and dark, on a screen and on paper."""

STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf8; --card: #ffffff; --ink: #22252a;
  --quiet: #676d76; --line: #e2dfda; --soft: #f2f0ec; --accent: #0072b2; --row: 24px; }
@media (prefers-color-scheme: dark) { :root { --paper: #16181b; --card: #1e2125; --ink: #e6e4e0;
  --quiet: #9aa0a8; --line: #33373d; --soft: #272b30; --accent: #56b4e9; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums; }
main { max-width: 1120px; margin: 0 auto; padding: 40px 28px 64px; }
h1 { font-size: 27px; font-weight: 650; letter-spacing: -0.01em; margin: 0 0 2px; }
h2 { font-size: 18px; font-weight: 620; margin: 44px 0 4px; }
h3 { font-size: 14px; font-weight: 600; margin: 18px 0 6px; }
p { margin: 4px 0 12px; max-width: 76ch; } .quiet { color: var(--quiet); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px;
  margin: 22px 0 8px; }
.figure { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 12px 16px; }
.figure b { display: block; font-size: 25px; font-weight: 620; line-height: 1.25; }
.figure span { color: var(--quiet); font-size: 13px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 16px 18px; margin: 10px 0; }
.notes { border-left: 3px solid var(--accent); }
.notes ul { margin: 4px 0; padding-left: 20px; } .notes li { margin: 3px 0; max-width: 88ch; }
.legend { display: flex; flex-wrap: wrap; gap: 6px 18px; font-size: 13px; margin: 8px 0 12px; }
.legend i { display: inline-block; width: 12px; height: 12px; border-radius: 3px;
  margin-right: 6px; vertical-align: -1px; border: 1px solid rgba(128,128,128,.35); }
.tools { display: flex; align-items: center; gap: 8px; font-size: 13px; }
button { font: inherit; color: inherit; background: var(--soft); border: 1px solid var(--line);
  border-radius: 7px; padding: 3px 11px; cursor: pointer; }
button:hover, button:focus-visible { border-color: var(--accent); }
.timeline { display: grid; grid-template-columns: max-content 1fr; margin-top: 8px; }
.names { padding-right: 12px; font-size: 13px; color: var(--quiet); }
.names div { height: var(--row); line-height: var(--row); white-space: nowrap; }
.names div:first-child, .ticks { height: 22px; }
.scroller { overflow-x: auto; border-left: 1px solid var(--line); padding-bottom: 6px; }
.track { position: relative; min-width: 100%; }
.ticks { position: relative; }
.ticks span { position: absolute; font-size: 11px; color: var(--quiet); white-space: nowrap;
  border-left: 1px solid var(--line); padding-left: 4px; }
.lane { position: relative; height: var(--row); border-top: 1px solid var(--line); }
.touch { position: absolute; top: 4px; bottom: 4px; min-width: 3px; display: flex;
  border-radius: 3px; overflow: hidden; padding: 0; border: 0; background: none; }
.touch:hover, .touch:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.touch i { display: block; height: 100%; }
#tip { position: fixed; z-index: 5; display: none; max-width: 290px; padding: 10px 12px;
  background: var(--card); color: var(--ink); border: 1px solid var(--line); border-radius: 9px;
  box-shadow: 0 6px 24px rgba(0,0,0,.22); font-size: 13px; pointer-events: none; }
#tip img { display: block; width: 260px; border-radius: 5px; margin-bottom: 8px; }
#tip b { display: block; } #tip span { color: var(--quiet); display: block; }
.heads { display: flex; flex-wrap: wrap; justify-content: space-around; gap: 4px; }
.heads figure { margin: 0; text-align: center; flex: 1 1 240px; } .heads img { width: 100%;
  max-width: 340px; } figcaption { color: var(--quiet); font-size: 13px; }
.ramp { height: 10px; border-radius: 5px; border: 1px solid var(--line); max-width: 420px;
  margin: 10px auto 2px; }
.ramp-ends { display: flex; justify-content: space-between; max-width: 420px; margin: 0 auto;
  font-size: 12px; color: var(--quiet); }
.split-ends { max-width: none; margin-bottom: 14px; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(330px, 1fr)); gap: 12px; }
.columns .card { margin: 0; } .wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
th { text-align: left; font-weight: 600; color: var(--quiet); font-size: 12.5px; }
th, td { padding: 4px 10px 4px 0; border-bottom: 1px solid var(--line); vertical-align: middle; }
td.n, th.n { text-align: right; padding-right: 18px; } tr:last-child td { border-bottom: 0; }
.bar { display: block; height: 8px; border-radius: 4px; min-width: 2px; }
td.grow { width: 34%; } .swatch { display: inline-block; width: 10px; height: 10px;
  border-radius: 3px; margin-right: 7px; border: 1px solid rgba(128,128,128,.35); }
.matrix { width: auto; } .matrix td, .matrix th { text-align: center; padding: 4px 8px;
  border: 1px solid var(--line); } .matrix th:first-child { text-align: left; }
.matrix thead th { vertical-align: bottom; } .matrix td.zero { color: var(--line); }
.split { display: flex; height: 14px; border-radius: 7px; overflow: hidden; margin: 4px 0 2px; }
details > summary { cursor: pointer; margin: 8px 0; } .downloads a { color: var(--accent);
  margin-right: 16px; }
footer { margin-top: 44px; color: var(--quiet); font-size: 13px; border-top: 1px solid var(--line);
  padding-top: 12px; }
@media print { :root { --paper: #fff; --card: #fff; --ink: #111; --quiet: #555; --line: #ccc;
    --soft: #f4f4f4; }
  body { font-size: 11.5px; } main { max-width: none; padding: 0; } .tools, #tip { display: none; }
  .card, .figure, tr, figure { break-inside: avoid; } h2 { break-after: avoid; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  .scroller { overflow: hidden; } .track { width: 100% !important; } }
"""
