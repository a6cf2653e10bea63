/** The OpenAPI document as one page: no script, nothing loaded from elsewhere. */

import type { OpenApiDocument } from '#protocol/api/openapi.ts';

type Json = Record<string, unknown>;

export const REFERENCE_STYLE = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
nav ul { columns: 3; padding: 0; list-style: none; }
details { border-bottom: 1px solid #8884; padding: .4rem 0; }
summary { cursor: pointer; }
code, pre { font: 13px/1.45 ui-monospace, monospace; }
pre { overflow-x: auto; padding: .6rem; background: #8881; border-radius: .3rem; }
.method { display: inline-block; width: 4.5rem; font-weight: 600; }
table { border-collapse: collapse; } td, th { text-align: left; padding: .15rem .8rem .15rem 0; vertical-align: top; }
`;

export function referencePage(document: OpenApiDocument): string {
  const { title, version, description } = document.info as { title: string; version: string; description: string };
  const byTag = new Map<string, string[]>();
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const tag = (operation['tags'] as string[] | undefined)?.[0] ?? 'Access';
      byTag.set(tag, [...(byTag.get(tag) ?? []), operationHtml(method, path, operation)]);
    }
  }
  const links = [...byTag.keys()].map((tag) => `<li><a href="#${tag}">${escapeHtml(tag)}</a></li>`).join('');
  const sections = [...byTag].map(([tag, items]) => `<h2 id="${tag}">${escapeHtml(tag)}</h2>\n${items.join('\n')}`);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="reference.css"></head>
<body><h1>${escapeHtml(title)} <small>${escapeHtml(version)}</small></h1>
<p>${escapeHtml(description)} <a href="openapi.json">openapi.json</a></p>
<nav><ul>${links}</ul></nav>
${sections.join('\n')}
</body></html>
`;
}

function operationHtml(method: string, path: string, operation: Json): string {
  const parameters = (operation['parameters'] ?? []) as Json[];
  const body = schemaOf(operation['requestBody']);
  const success = Object.entries((operation['responses'] ?? {}) as Json).find(([status]) => status.startsWith('2'));
  return `<details><summary><span class="method">${method.toUpperCase()}</span><code>${escapeHtml(path)}</code> ${escapeHtml(String(operation['summary'] ?? ''))}</summary>
<p>${escapeHtml(String(operation['description'] ?? '')).replace(/`([^`]+)`/g, '<code>$1</code>')}</p>
${parameters.length === 0 ? '' : `<table><tr><th>Parameter<th>In<th>Schema</tr>${parameters.map(parameterHtml).join('')}</table>`}
${body === undefined ? '' : `<h4>Body</h4><pre>${schemaText(body)}</pre>`}
${success === undefined ? '' : `<h4>${success[0]}</h4><pre>${schemaText(schemaOf(success[1]) ?? {})}</pre>`}
</details>`;
}

function parameterHtml(parameter: Json): string {
  const { name, in: place, required, schema, description } = parameter;
  const note = description === undefined ? '' : ` ${escapeHtml(String(description))}`;
  return `<tr><td><code>${escapeHtml(String(name))}</code>${required === true ? ' *' : ''}<td>${escapeHtml(String(place))}<td><code>${escapeHtml(JSON.stringify(schema ?? {}))}</code>${note}</tr>`;
}

function schemaOf(holder: unknown): Json | undefined {
  const content = (holder as { content?: Record<string, { schema?: Json }> } | undefined)?.content;
  return content?.['application/json']?.schema;
}

function schemaText(schema: Json): string {
  return escapeHtml(JSON.stringify(schema, undefined, 2));
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] as string);
}
