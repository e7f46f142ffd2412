// Uses that a strict compiler must accept or refuse of a client with types generated from the API document.

import createClient from "openapi-fetch";
import type { components, paths } from "./outdial";

type Call = components["schemas"]["Call"];
type Schemas = components["schemas"];

const client = createClient<paths>({ baseUrl: "http://127.0.0.1:9000" });
const minimal = { user_id: "65f0a1b2c3d4e5f601234567", to_number: "+12125550123", script: "Hello!" };

export async function place(): Promise<Call> {
  const { data, error, response } = await client.POST("/calls/outbound", {
    params: { header: { "Idempotency-Key": "order-4711" } },
    body: { ...minimal, recording_enabled: true, machine_detection: "Enable", metadata: { order: "4711" } },
  });
  if (data) return data;
  const problem: Schemas["Problem"] | Schemas["GatewayMessage"] = error;
  throw new Error(`${response.status} ${"code" in problem ? problem.code : problem.message}`);
}

export async function read(call_id: string): Promise<number | null> {
  const { data } = await client.GET("/calls/{call_id}", { params: { path: { call_id } } });
  if (!data) return null;
  // A field that is always present may be null. An optional field may be undefined.
  data.answered_by satisfies string | null;
  data.events.map((event) => event.status) satisfies Schemas["CallStatus"][];
  return data.duration_seconds;
}

export async function list(): Promise<string | null> {
  const { data } = await client.GET("/users", { params: { query: { page_size: 100 } } });
  data?.total satisfies number | undefined;
  return data?.next_cursor ?? null;
}

export async function open(): Promise<unknown> {
  await client.POST("/users", { body: { name: "Ada", email: "ada@example.com", phone_number: "+12125550123" } });
  await client.PATCH("/users/{user_id}", { params: { path: { user_id: "1" } }, body: { name: "Ada King" } });
  await client.POST("/blocked-numbers", { body: { phone_number: "+12125550123" } });
  return client.GET("/health");
}

export function refused(call: Call): void {
  // @ts-expect-error: `to_number` is missing
  void client.POST("/calls/outbound", { body: { user_id: minimal.user_id, script: minimal.script } });
  // @ts-expect-error: no such field
  ({ ...minimal, text: "Hello!" }) satisfies Schemas["OutboundCallRequest"];
  // @ts-expect-error: the field is a boolean
  void client.POST("/calls/outbound", { body: { ...minimal, recording_enabled: "yes" } });
  // @ts-expect-error: no such operation
  void client.POST("/calls", { body: minimal });
  // @ts-expect-error: no such status
  void (call.status === "ended");
  // @ts-expect-error: the field may be null
  call.duration_seconds satisfies number;
}
