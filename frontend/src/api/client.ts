import createClient from "openapi-fetch";
import { identity } from "./identity";
import { toFailure, unreachable } from "./problems";
import type { components, paths } from "./schema.gen";

export type Job = components["schemas"]["JobOut"];
export type Batch = components["schemas"]["BatchOut"];
export type Model = components["schemas"]["ModelInfo"];
export type Mask = components["schemas"]["MaskOut"];
export type Check = components["schemas"]["CheckOut"];

/** Where the API is, as the browser sees it; the server in front takes the prefix away. */
export const API = "/api";

export const client = createClient<paths>({ baseUrl: API });
client.use({
  onRequest({ request }) {
    for (const [name, value] of Object.entries(identity())) request.headers.set(name, value);
    return request;
  },
  async onResponse({ response }) {
    if (!response.ok) throw await toFailure(response);
  },
  onError: ({ error }) => unreachable(error),
});

/** A form as the body of a call. The document describes its fields; the browser's own FormData carries them. */
export const multipart = (form: FormData) => ({ body: {} as never, bodySerializer: () => form });

/** The value of a call whose failures were thrown. */
export async function answer<T>(call: Promise<{ data?: T }>): Promise<T> {
  const { data } = await call;
  if (data === undefined) throw unreachable(new Error("empty answer"));
  return data;
}

/** The bytes of a picture by its link in an answer; throws a Failure. */
export async function picture(link: string): Promise<Blob> {
  const response = await fetch(API + link, { headers: identity() }).catch((error: unknown) => {
    throw unreachable(error);
  });
  if (!response.ok) throw await toFailure(response);
  return response.blob();
}
