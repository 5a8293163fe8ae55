// Graphs over time, with the stretches that annotations mark: for those npm has no component.
import { applyNullInsertThreshold, dateTime } from '@grafana/data';
import { TimeSeries } from '@grafana/ui';
import { useLayoutEffect } from 'react';

export function Graph({ panel, frames, width, height, timeZone, start, end, regions }) {
  const [from, to] = [dateTime(1000 * start), dateTime(1000 * end)];
  // As Grafana's panel does before its component: a line breaks where a point is missing.
  const limits = { refFieldPseudoMin: from.valueOf(), refFieldPseudoMax: to.valueOf() };
  const broken = frames.map((frame) => applyNullInsertThreshold({ frame, refFieldName: 'Time', ...limits }));
  return (
    <TimeSeries
      frames={broken}
      legend={panel.options.legend}
      timeRange={{ from, to, raw: { from, to } }}
      timeZone={timeZone}
      width={width}
      height={height}
    >
      {(builder) => <Marks builder={builder} regions={regions} />}
    </TimeSeries>
  );
}

function Marks({ builder, regions }) {
  useLayoutEffect(() => builder.addHook('draw', (plot) => regions.forEach((region) => mark(plot, region))), []);
  return null;
}

function mark(plot, { start, end, colour }) {
  const { ctx, bbox } = plot;
  const [left, right] = [start, end].map((at) => plot.valToPos(1000 * at, 'x', true));
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.globalAlpha = 0.1;
  ctx.fillStyle = colour;
  ctx.fillRect(left, bbox.top, Math.max(1, right - left), bbox.height);
  ctx.globalAlpha = 1;
  ctx.strokeStyle = colour;
  ctx.setLineDash([3, 3]);
  for (const at of [left, right]) {
    ctx.beginPath();
    ctx.moveTo(at, bbox.top);
    ctx.lineTo(at, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}
