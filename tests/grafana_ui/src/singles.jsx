// Panels that show one figure for each series: large figures, and bars.
import { getDisplayValueAlignmentFactors, getFieldDisplayValues } from '@grafana/data';
import { BarGauge, BigValue, VizRepeater } from '@grafana/ui';

export function Stat({ panel, frames, width, height, theme, timeZone }) {
  const { options } = panel;
  return (
    <Repeated
      {...{ panel, frames, width, height, theme, timeZone }}
      draw={(one, factors, count, size) => (
        <BigValue
          value={one.display}
          count={count}
          colorMode={options.colorMode}
          graphMode={options.graphMode}
          justifyMode={options.justifyMode}
          // As in Grafana: with several figures, each has its name.
          textMode={options.textMode === 'auto' && count === 1 ? 'value' : options.textMode}
          text={options.text}
          wideLayout={options.wideLayout}
          alignmentFactors={factors}
          theme={theme}
          {...size}
        />
      )}
    />
  );
}

export function Bars({ panel, frames, width, height, theme, timeZone }) {
  const { options } = panel;
  return (
    <Repeated
      {...{ panel, frames, width, height, theme, timeZone }}
      draw={(one, factors, count, size) => (
        <BarGauge
          value={one.display}
          field={one.field}
          display={one.view?.getFieldDisplayProcessor(one.colIndex)}
          displayMode={options.displayMode}
          orientation={options.orientation}
          namePlacement={options.namePlacement}
          valueDisplayMode={options.valueMode}
          showUnfilled={options.showUnfilled}
          text={options.text}
          itemSpacing={8}
          lcdCellWidth={12}
          alignmentFactors={factors}
          theme={theme}
          {...size}
        />
      )}
    />
  );
}

function Repeated({ panel, frames, width, height, theme, timeZone, draw }) {
  const { options, fieldConfig } = panel;
  const values = () =>
    getFieldDisplayValues({
      fieldConfig,
      reduceOptions: options.reduceOptions,
      replaceVariables: (text) => text,
      data: frames,
      theme,
      timeZone,
    });
  return (
    <VizRepeater
      getValues={values}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={({ value, alignmentFactors, count, width: wide, height: high }) =>
        draw(value, alignmentFactors, count, { width: wide, height: high })
      }
      source={frames}
      renderCounter={0}
      orientation={options.orientation}
      minVizWidth={options.minVizWidth}
      minVizHeight={options.minVizHeight}
      maxVizHeight={options.maxVizHeight}
      itemSpacing={8}
      width={width}
      height={height}
    />
  );
}
