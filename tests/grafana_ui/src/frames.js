// Answers of Prometheus as the data frames that Grafana's own data source makes of them.
import { FieldType } from '@grafana/data';

/** Return the frames of a panel; an answer is {refId, legend, table, step (s), series: [{name, labels, points}]}. */
export function framesOf(answers) {
  return answers.flatMap((answer) => (answer.table ? [tableOf(answer)] : answer.series.map((one) => lineOf(answer, one))));
}

function lineOf({ refId, step }, { name, labels, points }) {
  return {
    refId,
    name,
    length: points.length,
    fields: [timeOf(points, step), numbers('Value', points, { displayNameFromDS: name }, labels)],
  };
}

function tableOf({ refId, step, series }) {
  const points = series.map((one) => one.points.at(-1));
  const labels = [...new Set(series.flatMap((one) => Object.keys(one.labels)))].sort();
  const texts = labels.map((name) => ({
    name,
    type: FieldType.string,
    config: {},
    values: series.map((one) => one.labels[name] ?? ''),
  }));
  const fields = [timeOf(points, step), ...texts, numbers(`Value #${refId}`, points, {})];
  return { refId, length: points.length, fields };
}

function timeOf(points, step) {
  const values = points.map(([instant]) => 1000 * instant);
  return { name: 'Time', type: FieldType.time, config: { interval: 1000 * step }, values };
}

function numbers(name, points, config, labels) {
  return { name, type: FieldType.number, config, labels, values: points.map(([, value]) => value) };
}
