// What is taken from Grafana's types: the dashboard, and the panels that are used. README.md says how to renew the schema.
import * as dashboard from '@grafana/schema/dist/types/raw/dashboard/x/types.gen';
import * as bargauge from '@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/types.gen';
import * as stat from '@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen';
import * as stateTimeline from '@grafana/schema/dist/types/raw/composable/statetimeline/panelcfg/x/types.gen';
import * as table from '@grafana/schema/dist/types/raw/composable/table/panelcfg/x/types.gen';
import * as text from '@grafana/schema/dist/types/raw/composable/text/panelcfg/x/types.gen';
import * as timeseries from '@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen';

export interface Everything {
  dashboard: dashboard.Dashboard;
  panel: dashboard.Panel;
  row: dashboard.RowPanel;
  bargauge: bargauge.Options;
  stat: stat.Options;
  stateTimeline: stateTimeline.Options;
  stateTimelineField: stateTimeline.FieldConfig;
  table: table.Options;
  tableField: table.FieldConfig;
  text: text.Options;
  timeseries: timeseries.Options;
  timeseriesField: timeseries.FieldConfig;
}
