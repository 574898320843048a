import type { components } from "./schema.gen";

type Document = components["schemas"]["Problem"];

/** A problem document, RFC 9457; what does not apply is left out. */
export type Problem = Omit<Document, "field" | "allowed" | "received"> & Partial<Document>;

/** What the user can do about a problem with one press. */
export type Remedy = "person" | "garment" | "pose" | "mask" | "options" | "key" | "wait" | "retry" | "none";

/** A call that failed: the problem document, and the seconds after which to try again where they are known. */
export class Failure extends Error {
  constructor(
    readonly problem: Problem,
    readonly retryAfter: number | null = null,
  ) {
    super(problem.detail);
  }
}

const FIELDS: Record<string, Remedy> = {
  human_image: "person",
  garment_image: "garment",
  pose_image: "pose",
  mask_image: "mask",
  mask_id: "mask",
};
const CODES: [RegExp, Remedy][] = [
  [/^(no_person|person_|bad_person)/, "person"],
  [/^no_garment$/, "garment"],
  [/mask/, "mask"],
  [/^(parameter_out_of_range|unknown_)/, "options"],
  [/^(key_required|invalid_key|not_allowed)$/, "key"],
  [
    /^(queue_full|model_loading|rate_limited|too_many_jobs|too_much|unavailable|stopping|storage_unavailable)$/,
    "wait",
  ],
];

/** The one thing that mends a problem: by the field at fault, then by the code. */
export function remedy({ code, field, status }: Problem): Remedy {
  const byField = field ? FIELDS[field] : undefined;
  if (byField) return byField;
  if (status === 401) return "key";
  return CODES.find(([pattern]) => pattern.test(code))?.[1] ?? "retry";
}

/** Whether what mends a problem is the same once more. */
export const isAgain = (kind: Remedy): boolean => kind === "wait" || kind === "retry";

/** A problem that the page itself found, with its code only: the texts come from the catalogues. */
export function ownProblem(code: string, field?: string): Problem {
  return {
    type: "about:blank",
    title: "",
    status: 0,
    detail: "",
    instance: "",
    code,
    fix: "",
    ...(field && { field }),
  };
}

/** The failure of a call that got no answer. */
export const unreachable = (error: unknown): Failure =>
  error instanceof Failure
    ? error
    : new Failure({ ...ownProblem("service_unreachable"), detail: String(error) });

/** Reads an error answer; one that is no problem document, as of a proxy, is named by its status. */
export async function toFailure(response: Response): Promise<Failure> {
  const seconds = Number(response.headers.get("retry-after"));
  const retryAfter = seconds > 0 ? seconds : null;
  const body: unknown = await response.json().catch(() => null);
  if (body && typeof body === "object" && "code" in body) return new Failure(body as Problem, retryAfter);
  const code = response.status === 413 ? "image_too_large" : "service_unreachable";
  return new Failure({ ...ownProblem(code), status: response.status }, retryAfter);
}

/** Any error as a failure. */
export const asFailure = (error: unknown): Failure => unreachable(error);

const NOT_FOUND = 404;

/** The failure of a call for a job that is not there. */
export const missing = (): Failure => new Failure({ ...ownProblem("job_not_found"), status: NOT_FOUND });

/** Whether a call failed because what it asked for is not there. */
export const isMissing = (error: unknown): boolean => asFailure(error).problem.status === NOT_FOUND;
