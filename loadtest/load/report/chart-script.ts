/**
 * Draws the charts, in the browser: uPlot in the page's colours, drawn again when those or the width change and for
 * paper. What the pointer is over is told in a box; all of it stands in the tables, too.
 */
export const CHART_SCRIPT = `(() => {
  const root = document.documentElement;
  const charts = JSON.parse(document.getElementById('charts').textContent);
  const paper = { width: 640, height: 190 };
  let drawn = [];

  const color = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const sideColor = ({ compared }) => color(compared ? '--compared' : '--series');
  const font = () => '12px ' + color('--font-sans');
  const number = (value) => value.toLocaleString('en', { maximumFractionDigits: value < 100 ? 2 : 0 });
  const short = (value) =>
    value.toLocaleString('en', value < 100000 ? {} : { notation: 'compact', maximumFractionDigits: 1 });

  function axisWidth(plot, labels) {
    if (!labels) return 40;
    plot.ctx.save();
    plot.ctx.font = font();
    const widest = Math.max(...labels.map((label) => plot.ctx.measureText(label ?? '').width));
    plot.ctx.restore();
    return Math.ceil(widest) + 18;
  }

  function axes({ ticks, logarithmic }) {
    const shared = { stroke: color('--muted-foreground'), font: font() };
    const lines = { stroke: color('--border'), width: 1 };
    const along = { ...shared, grid: { show: false }, ticks: { ...lines, size: 4 }, size: 30, space: 60 };
    if (ticks) {
      along.splits = () => ticks.map(({ at }) => at);
      along.values = (plot, splits) => thinned(plot, splits, ticks);
    } else {
      along.incrs = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400];
      along.values = (plot, splits) => splits.map(short);
    }
    const wholes = [...Array(13).keys()].flatMap((zeros) => [1, 2, 5].map((digit) => digit * 10 ** zeros));
    // Of an axis of powers of ten, the grid shows just those.
    const filter = (plot, splits) =>
      splits.map((value) => (logarithmic && Math.abs(Math.log10(value) % 1) > 1e-6 ? null : value));
    const up = {
      ...shared, grid: { ...lines, filter }, ticks: { show: false }, gap: 8, space: logarithmic ? 24 : 28,
      values: (plot, splits) => splits.map((value) => (value === null ? null : short(value))), size: axisWidth,
      ...(logarithmic ? {} : { incrs: wholes }),
    };
    return [along, up];
  }

  // Leaves out what would run into the text before it.
  function thinned(plot, splits, ticks) {
    let end = -Infinity;
    return splits.map((at, index) => {
      const text = ticks[index].text;
      const half = text.length * 3.5 + 4;
      const place = plot.valToPos(at, 'x');
      if (place - half < end) return '';
      end = place + half;
      return text;
    });
  }

  function scales({ x, shape, logarithmic, marks }) {
    const headroom = marks.length > 0 ? 1.25 : 1.08; // for the numbers of the marks
    const first = x[0];
    const last = x[x.length - 1];
    const across = shape === 'bars' ? [first - 0.5, last + 0.5] : [Math.min(first, 0), Math.max(last, first + 1)];
    const up = (plot, least, most) =>
      logarithmic
        ? uPlot.rangeLog(least ?? 1, most ?? 10, 10, false)
        : [0, most > 0 ? most * headroom : 1];
    return { x: { time: false, range: () => across }, y: { distr: logarithmic ? 3 : 1, range: up } };
  }

  function lineOf({ shape, lines, x }, line) {
    const stroke = sideColor(line);
    const shared = { label: line.name, stroke, width: 2, spanGaps: true };
    if (shape === 'bars') {
      const align = lines.length === 1 ? 0 : line.compared ? 1 : -1;
      const size = lines.length === 1 ? 0.6 : 0.38;
      return { ...shared, width: 0, fill: stroke, points: { show: false }, paths: uPlot.paths.bars({ align, size: [size, 48] }) };
    }
    return { ...shared, dash: line.dashed ? [6, 4] : [], points: { show: x.length < 4, size: 6, fill: stroke } };
  }

  function drawMarks(plot, marks) {
    const { ctx, bbox } = plot;
    const scale = uPlot.pxRatio;
    ctx.save();
    ctx.font = 11 * scale + 'px ' + color('--font-sans');
    ctx.textAlign = 'left';
    ctx.textBaseline = 'top';
    const ends = [-Infinity, -Infinity];
    for (const mark of marks) {
      const row = mark.compared ? 1 : 0; // the numbers of each side in a row of their own
      const from = plot.valToPos(mark.from, 'x', true);
      const to = plot.valToPos(mark.to, 'x', true);
      ctx.fillStyle = ctx.strokeStyle = sideColor(mark);
      ctx.globalAlpha = 0.14;
      ctx.fillRect(from, bbox.top, Math.max(to - from, scale), bbox.height);
      ctx.globalAlpha = 1;
      ctx.lineWidth = scale;
      ctx.setLineDash([2 * scale, 2 * scale]);
      ctx.beginPath();
      ctx.moveTo(from, bbox.top);
      ctx.lineTo(from, bbox.top + bbox.height);
      ctx.stroke();
      if (from > ends[row]) {
        ctx.fillText(mark.number, from + 3 * scale, bbox.top + (2 + 13 * row) * scale);
        ends[row] = from + (6 + 7 * String(mark.number).length) * scale;
      }
    }
    ctx.restore();
  }

  // Tells what the pointer is over.
  function teller(chart) {
    const box = document.createElement('div');
    box.className = 'told';
    box.hidden = true;
    const tell = (plot) => {
      const { idx, left, top } = plot.cursor;
      box.hidden = idx === null || idx === undefined || left < 0;
      if (box.hidden) return;
      const told = chart.lines
        .filter(({ values }) => values[idx] !== null)
        .map(({ name, values }) => name + ' ' + number(values[idx]));
      box.textContent = [chart.along + ' ' + chart.names[idx], ...told].join('\\n');
      const right = left + 12;
      const fits = right + box.offsetWidth <= plot.over.clientWidth;
      box.style.left = Math.max(0, fits ? right : left - 12 - box.offsetWidth) + 'px';
      box.style.top = Math.max(0, Math.min(top, plot.over.clientHeight - box.offsetHeight)) + 'px';
    };
    return { init: (plot) => plot.over.append(box), setCursor: tell };
  }

  function draw(chart, size) {
    const place = document.getElementById(chart.id);
    const told = teller(chart);
    const options = {
      ...(size ?? { width: place.clientWidth, height: place.clientHeight }), legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { show: chart.shape === 'lines' } },
      padding: [8, 12, 0, 0],
      scales: scales(chart), axes: axes(chart), series: [{}, ...chart.lines.map((line) => lineOf(chart, line))],
      hooks: {
        init: [told.init], setCursor: [told.setCursor],
        drawAxes: [(plot) => drawMarks(plot, chart.marks)],
      },
    };
    return new uPlot(options, [chart.x, ...chart.lines.map(({ values }) => values)], place);
  }

  function drawAll(size) {
    drawn.forEach((plot) => plot.destroy());
    drawn = charts.map((chart) => draw(chart, size));
  }

  drawAll();
  let wasWide = root.clientWidth;
  addEventListener('resize', () => {
    if (root.clientWidth !== wasWide && !root.classList.contains('printing')) {
      wasWide = root.clientWidth;
      drawAll();
    }
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => drawAll());
  addEventListener('beforeprint', () => {
    root.classList.add('printing');
    drawAll(paper);
  });
  addEventListener('afterprint', () => {
    root.classList.remove('printing');
    drawAll();
  });
})();
`;
