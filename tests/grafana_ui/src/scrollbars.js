// @grafana/ui wants the default export of this CommonJS module; esbuild gives .mjs files all of it instead.
export { Scrollbars as default } from '../node_modules/react-custom-scrollbars-2/lib/index.js';
