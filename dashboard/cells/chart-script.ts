/** Runs in the browser, after uPlot. A value stays until the next change, hence steps. */
export const CHART_SCRIPT = `const figure = document.getElementById('chart');
const points = JSON.parse(figure.dataset.points);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const axis = { stroke: colour('--muted-foreground'), grid: { stroke: colour('--border'), width: 1 } };
const size = () => ({ width: figure.clientWidth - 32, height: 260 });
const chart = new uPlot(
  {
    ...size(),
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
    series: [
      { label: 'Time (UTC)' },
      { label: 'Value', stroke: colour('--series'), width: 2, paths: uPlot.paths.stepped({ align: 1 }), points: { show: false } },
    ],
    axes: [axis, { ...axis, size: (_chart, labels) => 24 + 7 * Math.max(1, ...(labels ?? []).map((label) => label.length)) }],
  },
  [points.map(([at]) => at), points.map(([, value]) => value)],
  figure,
);
addEventListener('resize', () => chart.setSize(size()));
`;
