/** The look of the report: one palette for light and dark, fixed hues for the three models, red only for harm. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1a202c; --soft: #5a6577; --line: #dfe4ea; --paper: #ffffff; --panel: #f6f8fa;
  --forecast: #1f6fb4; --placement: #7a4fb3; --anomaly: #b8570f; --harm: #b3261e; --good: #2a7a4b;
  --h0: #eef3f8; --h1: #cfe0ee; --h2: #9fc3de; --h3: #5f97c4; --h4: #e58e4a; --h5: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #9aa7b8; --line: #323b47; --paper: #14181e; --panel: #1c222b;
  --forecast: #62a8e5; --placement: #b08fe2; --anomaly: #e8964f; --harm: #f2705f; --good: #6cc08f;
  --h0: #1d2530; --h1: #23384b; --h2: #2b567a; --h3: #3f80b5; --h4: #d98238; --h5: #e5574a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.55 system-ui, sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 28px; margin: 0 0 4px; } h2 { font-size: 20px; margin: 44px 0 8px; } p { margin: 8px 0; max-width: 78ch; }
.meta { color: var(--soft); } nav a { margin-right: 16px; } a { color: var(--forecast); }
.verdict { border-left: 4px solid var(--placement); background: var(--panel); padding: 12px 16px; margin: 20px 0; }
.verdict p { margin: 4px 0; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 13.5px; }
th { text-align: left; color: var(--soft); font-weight: 600; border-bottom: 1px solid var(--line); padding: 6px 8px; vertical-align: bottom; }
td { border-bottom: 1px solid var(--line); padding: 5px 8px; white-space: nowrap; } td.number { text-align: right; }
tr.own td { font-weight: 650; background: var(--panel); } tr.ceiling td { color: var(--soft); font-style: italic; }
figure { margin: 16px 0; } figcaption { font-weight: 600; margin-bottom: 4px; } svg { width: 100%; height: auto; display: block; }
.maps { display: grid; grid-template-columns: repeat(auto-fit, minmax(440px, 1fr)); gap: 4px 20px; }
.grid { stroke: var(--line); } .tick { fill: var(--soft); font-size: 12px; } .label { fill: var(--ink); font-size: 13px; }
.label.own { font-weight: 700; } .label.ceiling { fill: var(--soft); }
.line { fill: none; stroke-width: 1.6; } .line.actual { stroke: var(--ink); } .line.forecast { stroke: var(--forecast); }
.line.anomaly { stroke: var(--anomaly); stroke-width: 1; } .line.placement { stroke: var(--placement); }
.band { fill: var(--forecast); opacity: .22; }
.interval { stroke: var(--soft); stroke-width: 2; } .interval.own { stroke: var(--placement); }
.dot { fill: var(--soft); } .dot.own { fill: var(--placement); } .dot.ceiling { fill: none; stroke: var(--soft); stroke-width: 2; }
.threshold { stroke: var(--harm); stroke-dasharray: 5 4; } .labelled { fill: var(--harm); opacity: .16; } .alarm { fill: var(--harm); }
rect.forecast { fill: var(--forecast); } rect.placement { fill: var(--placement); } rect.health { fill: var(--anomaly); }
.heat0 { fill: var(--h0); } .heat1 { fill: var(--h1); } .heat2 { fill: var(--h2); } .heat3 { fill: var(--h3); } .heat4 { fill: var(--h4); } .heat5 { fill: var(--h5); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; color: var(--soft); font-size: 13px; }
.swatch { display: inline-block; width: 14px; height: 10px; margin-right: 6px; border-radius: 2px; background: var(--soft); }
.swatch.actual { background: var(--ink); } .swatch.forecast { background: var(--forecast); } .swatch.band { background: var(--forecast); opacity: .3; }
.swatch.placement { background: var(--placement); } .swatch.health, .swatch.anomaly { background: var(--anomaly); }
.swatch.threshold, .swatch.alarm { background: var(--harm); } .swatch.labelled { background: var(--harm); opacity: .25; }
.swatch.heat0 { background: var(--h0); outline: 1px solid var(--line); } .swatch.heat1 { background: var(--h1); } .swatch.heat2 { background: var(--h2); }
.swatch.heat3 { background: var(--h3); } .swatch.heat4 { background: var(--h4); } .swatch.heat5 { background: var(--h5); }
details { margin: 8px 0; } summary { cursor: pointer; color: var(--soft); }
`;
