// Tables.
import { Table } from '@grafana/ui';

export function Grid({ panel, frames, width, height }) {
  const { options } = panel;
  return (
    <Table
      data={frames[0]}
      width={width}
      height={height}
      noHeader={!options.showHeader}
      cellHeight={options.cellHeight}
      initialSortBy={options.sortBy}
      showTypeIcons={false}
      resizable={false}
      ariaLabel={panel.title}
    />
  );
}
