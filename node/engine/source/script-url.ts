/** What a script's URL, as V8 reports it, says about where the script comes from. */

import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';

export type ScriptOrigin =
  /** A local file: ES modules have file URLs (with a query after hot reloads), CommonJS absolute paths. */
  | { readonly kind: 'file'; readonly path: string }
  /** Node's own module; `name` as in `fs` or `internal/modules/cjs/loader`. */
  | { readonly kind: 'node'; readonly name: string }
  /** A bundler's name from `//# sourceURL`, such as `webpack-internal:///./src/cart.ts`. */
  | { readonly kind: 'invented'; readonly url: string }
  /** eval, `node -e`, the REPL, `data:` modules, WebAssembly: no file anywhere. */
  | { readonly kind: 'none' };

export function originOfScript(url: string): ScriptOrigin {
  if (url.startsWith('node:')) return { kind: 'node', name: url.slice('node:'.length) };
  if (/^file:/i.test(url)) {
    try {
      return { kind: 'file', path: fileURLToPath(url) };
    } catch {
      return { kind: 'none' }; // a file URL of another host
    }
  }
  if (isAbsolute(url)) return { kind: 'file', path: url };
  if (/^(webpack|webpack-internal|turbopack|rspack):\/\//i.test(url)) return { kind: 'invented', url };
  return { kind: 'none' };
}
