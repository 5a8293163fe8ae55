// Draws each panel whose settings and answers stand on the page as JSON, in the place of that JSON.
import { createTheme, locationUtil, ThemeContext } from '@grafana/data';
import { Component } from 'react';
import { flushSync } from 'react-dom';
import { createRoot } from 'react-dom/client';
import './page.css';
import { framesOf } from './frames.js';
import { Graph } from './graph.jsx';
import { Grid } from './grid.jsx';
import { shown } from './panel.js';
import { Bars, Stat } from './singles.jsx';

const KINDS = { bargauge: Bars, stat: Stat, table: Grid, timeseries: Graph };

locationUtil.initialize({ config: { appSubUrl: '' }, getVariablesUrlParams: () => ({}), getTimeRangeForUrl: () => ({}) });

function themeOf(page, hash) {
  const wanted = ['light', 'dark'].find((mode) => mode === hash || page.classList.contains(mode));
  const mode = wanted ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
  return createTheme({ colors: { mode } });
}

/** Says on the page what went wrong: a panel that cannot be drawn must not look like one that is empty. */
class Guarded extends Component {
  state = { problem: '' };
  static getDerivedStateFromError(error) {
    return { problem: `${error}` };
  }
  render() {
    const { problem } = this.state;
    return problem ? <p className="problem">{problem}</p> : this.props.children;
  }
}

async function draw(script, theme) {
  const { panel, answers, ...place } = JSON.parse(script.textContent);
  const Kind = KINDS[panel.type];
  const root = createRoot(script.parentElement);
  try {
    const frames = await shown(panel, framesOf(answers), { theme, timeZone: place.timeZone });
    flushSync(() =>
      root.render(
        <ThemeContext.Provider value={theme}>
          <Guarded>
            <Kind {...{ panel, frames, theme, ...place }} />
          </Guarded>
        </ThemeContext.Provider>,
      ),
    );
  } catch (error) {
    root.render(<p className="problem">{`${error}`}</p>);
  }
}

const theme = themeOf(document.documentElement, location.hash.slice(1));
document.querySelectorAll('script[type="application/json"]').forEach((script) => draw(script, theme));
