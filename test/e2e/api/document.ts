/** The OpenAPI document as a tool reads it: its operations, and what each reply may be. */

import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required?: boolean;
  readonly schema?: JsonSchema;
  readonly content?: Readonly<Record<string, { readonly schema: JsonSchema }>>;
}

interface Response {
  readonly $ref?: string;
  readonly content?: Readonly<Record<string, { readonly schema: JsonSchema }>>;
}

export interface Operation {
  readonly operationId: string;
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly body: JsonSchema | undefined;
  readonly responses: Readonly<Record<string, Response>>;
}

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Record<string, unknown>>>>>;
  readonly components: JsonSchema;
}

export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

export function operationsOf({ paths }: OpenApi): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Operation => {
      const { requestBody } = operation as { requestBody?: Response };
      return {
        operationId: String(operation['operationId']),
        method: method.toUpperCase(),
        path,
        parameters: (operation['parameters'] ?? []) as Parameter[],
        body: requestBody?.content?.['application/json']?.schema,
        responses: operation['responses'] as Record<string, Response>,
      };
    }),
  );
}

/** Judges replies by the document alone. */
export class Conformance {
  readonly #document: OpenApi;
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  readonly #validators = new Map<string, ValidateFunction>();

  constructor(document: OpenApi) {
    this.#document = document;
    formats.default(this.#ajv);
  }

  /** @returns what is wrong with a reply; undefined when the document allows it */
  problem(operation: Operation, { status, type, text }: Reply): string | undefined {
    if (status >= 500 && status !== 503 && status !== 504) return `status ${status}: ${text.slice(0, 300)}`;
    const declared = operation.responses[String(status)];
    if (declared === undefined && (status < 400 || operation.responses['default'] === undefined)) {
      return `status ${status} is not declared`;
    }
    const response = this.#resolve(declared ?? (operation.responses['default'] as Response));
    if (response.content === undefined) return text === '' ? undefined : 'a body where none is declared';
    const mime = type.split(';')[0] ?? '';
    const media = response.content[mime];
    if (media === undefined) return `type "${type}" is not declared for ${status}`;
    if (!/json/.test(mime)) return undefined;
    const validate = this.#validator(`${operation.operationId} ${declared === undefined ? 'default' : status}`, media);
    if (validate(JSON.parse(text))) return undefined;
    return `${status} ${this.#ajv.errorsText(validate.errors)}: ${text.slice(0, 300)}`;
  }

  #resolve(response: Response): Response {
    if (response.$ref === undefined) return response;
    const name = response.$ref.split('/').at(-1) as string;
    return (this.#document.components['responses'] as Record<string, Response>)[name] as Response;
  }

  #validator(key: string, { schema }: { readonly schema: JsonSchema }): ValidateFunction {
    let validator = this.#validators.get(key);
    if (validator === undefined) {
      validator = this.#ajv.compile({ ...schema, components: this.#document.components });
      this.#validators.set(key, validator);
    }
    return validator;
  }
}
