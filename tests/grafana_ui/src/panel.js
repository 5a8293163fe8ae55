// What Grafana does to the frames of a panel before it draws: transformations, then field settings and overrides.
import {
  applyFieldOverrides,
  FieldConfigOptionsRegistry,
  standardTransformers,
  standardTransformersRegistry,
  transformDataFrame,
} from '@grafana/data';
import { firstValueFrom } from 'rxjs';

// Some stand there under two names.
const transformers = new Map(Object.values(standardTransformers).map((one) => [one.id, one]));
standardTransformersRegistry.setInit(() =>
  [...transformers.values()].map((one) => ({ id: one.id, name: one.name, transformation: async () => one })),
);

// Grafana ignores an override of a setting that no panel knows; so does this.
const STANDARD = ['unit', 'min', 'max', 'decimals', 'displayName', 'noValue', 'color', 'mappings', 'thresholds', 'links'];
const CUSTOM = [
  ...['drawStyle', 'lineWidth', 'fillOpacity', 'showPoints', 'spanNulls', 'stacking', 'thresholdsStyle'],
  ...['axisSoftMin', 'axisSoftMax', 'hideFrom', 'width', 'minWidth', 'align', 'cellOptions'],
];

const registry = new FieldConfigOptionsRegistry(() => [
  ...STANDARD.map((id) => setting(id, id, false)),
  ...CUSTOM.map((path) => setting(`custom.${path}`, path, true)),
]);

function setting(id, path, isCustom) {
  return { id, path, isCustom, name: id, process: (value) => value, shouldApply: () => true, override: () => null };
}

/** Return the frames as the panel shows them; each field can then write its own values. */
export async function shown(panel, frames, { theme, timeZone }) {
  const transformed = await firstValueFrom(transformDataFrame(panel.transformations ?? [], frames));
  return applyFieldOverrides({
    data: transformed,
    fieldConfig: panel.fieldConfig,
    fieldConfigRegistry: registry,
    replaceVariables: (text) => text,
    theme,
    timeZone,
  });
}
