/**
 * The look of the report, light and dark. Fixed hues for the three models (forecast blue, placement violet, anomaly
 * orange); red only for harm; each colour also differs in lightness and stands beside a word.
 */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1b2330; --soft: #566173; --line: #dde2e9; --paper: #ffffff; --panel: #f5f7fa;
  --forecast: #1769aa; --placement: #8250c4; --anomaly: #c25e00; --harm: #b3261e; --good: #1e7145; --inside: #ffffff;
  --h0: #f0f2f5; --h1: #dfe4ea; --h2: #c7cfd9; --h3: #a5b0be; --h4: #e06f60; --h5: #9c1b14; }
@media (prefers-color-scheme: dark) { :root { --ink: #e5e9f0; --soft: #9ba7b8; --line: #313a46; --paper: #13171d; --panel: #1b2129;
  --forecast: #64b0f0; --placement: #b794f0; --anomaly: #f0a050; --harm: #ff6b5e; --good: #63c590; --inside: #13171d;
  --h0: #1d232b; --h1: #2c3540; --h2: #445160; --h3: #5d6b7b; --h4: #c4554b; --h5: #ff9a8f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1200px; padding: 36px 24px 72px; background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 8px; }
h2 { font-size: 21px; margin: 56px 0 8px; padding-top: 12px; border-top: 1px solid var(--line); }
h3 { font-size: 16px; margin: 32px 0 4px; }
p, li { max-width: 92ch; text-wrap: pretty; } p { margin: 8px 0; } .meta { color: var(--soft); font-size: 13.5px; }
a { color: var(--forecast); } nav { display: flex; flex-wrap: wrap; gap: 4px 20px; margin-top: 20px; }
.verdicts { margin: 20px 0; display: grid; gap: 6px; }
.verdict { max-width: none; margin: 0; padding: 8px 14px; background: var(--panel); border-left: 4px solid var(--soft); display: flex; gap: 16px; }
.verdict strong { flex: 0 0 11.5em; } .verdict.better { border-color: var(--good); } .verdict.better strong { color: var(--good); }
.verdict.worse { border-color: var(--harm); } .verdict.worse strong { color: var(--harm); }
.scroll { overflow-x: auto; margin: 12px 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 13.5px; }
th, td { border-bottom: 1px solid var(--line); padding: 6px 7px; text-align: left; vertical-align: top; white-space: nowrap; font-weight: 400; }
thead th { color: var(--soft); font-weight: 600; vertical-align: bottom; white-space: normal; min-width: 6em; }
th.number, td.number { text-align: right; } td small, th small { display: block; white-space: pre; color: var(--soft); font-size: 11.5px; font-weight: 400; }
tr.own { background: var(--panel); } tr.own > * { font-weight: 650; } tr.ceiling > * { color: var(--soft); font-style: italic; }
details { margin: 8px 0; } summary { cursor: pointer; color: var(--soft); width: fit-content; }
figure { margin: 24px 0; overflow-x: auto; } figcaption { font-weight: 600; margin-bottom: 6px; }
svg { width: 100%; height: auto; display: block; min-width: 520px; }
.maps { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 520px), 1fr)); gap: 0 32px; } .maps figure { margin: 12px 0; }
.grid { stroke: var(--line); } .tick { fill: var(--soft); font-size: 12.5px; } .label { fill: var(--ink); font-size: 13.5px; }
.label.own { font-weight: 700; } .label.ceiling { fill: var(--soft); font-style: italic; } .inside { fill: var(--inside); font-size: 12px; }
.line { fill: none; stroke-width: 1.6; stroke-linejoin: round; } .line.actual { stroke: var(--ink); stroke-width: 1.2; }
.line.forecast { stroke: var(--forecast); } .line.anomaly { stroke: var(--anomaly); stroke-width: 1; } .line.placement { stroke: var(--placement); stroke-width: 2; }
.band { fill: var(--forecast); opacity: .22; }
.interval { stroke: var(--soft); stroke-width: 2; } .interval.own { stroke: var(--placement); stroke-width: 3; }
.dot { fill: var(--soft); } .dot.own { fill: var(--placement); } .dot.ceiling { fill: var(--paper); stroke: var(--soft); stroke-width: 2; }
.threshold, .reference { stroke: var(--soft); stroke-width: 1.4; stroke-dasharray: 6 4; }
.labelled { fill: var(--harm); opacity: .13; } .incident { fill: var(--harm); } .alarm { fill: var(--anomaly); }
rect.forecast { fill: var(--forecast); } rect.placement { fill: var(--placement); } rect.health { fill: var(--anomaly); } rect.unknown { fill: var(--soft); opacity: .7; }
.heat0 { fill: var(--h0); } .heat1 { fill: var(--h1); } .heat2 { fill: var(--h2); } .heat3 { fill: var(--h3); } .heat4 { fill: var(--h4); } .heat5 { fill: var(--h5); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 20px; color: var(--soft); font-size: 13px; max-width: none; }
.swatch { display: inline-block; width: 16px; height: 10px; margin-right: 7px; border-radius: 2px; background: var(--soft); }
.swatch.actual { background: var(--ink); height: 2px; vertical-align: middle; } .swatch.forecast { background: var(--forecast); }
.swatch.band { background: var(--forecast); opacity: .3; } .swatch.placement { background: var(--placement); }
.swatch.health, .swatch.anomaly, .swatch.alarm { background: var(--anomaly); } .swatch.incident { background: var(--harm); }
.swatch.threshold, .swatch.reference { background: none; height: 0; border-top: 2px dashed var(--soft); vertical-align: middle; border-radius: 0; }
.swatch.heat0 { background: var(--h0); outline: 1px solid var(--line); } .swatch.heat1 { background: var(--h1); } .swatch.heat2 { background: var(--h2); }
.swatch.heat3 { background: var(--h3); } .swatch.heat4 { background: var(--h4); } .swatch.heat5 { background: var(--h5); }
`;
