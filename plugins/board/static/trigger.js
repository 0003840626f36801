// Asks for what Airflow's own form asks for, with the action filled in, and triggers the run as it does. Airflow's
// form itself opens only by its button (3.3). Which parameters there are, and who may trigger, is Airflow's to say.

import { el } from "./dom.js";
import { said } from "./feed.js";
import { airflowLink, airflowPath } from "./shell.js";

/**
 * @param {{action?: string, set?: string, says?: string}} given filled in, what is missing with the DAG's default; and
 * a sentence about it
 * @param {{tell: (text: string) => void, onDone: () => void}} on
 */
export async function askAndTrigger(dag, { says, ...given }, on) {
  const back = document.activeElement;
  const dialog = el("dialog.trigger", { "aria-labelledby": "trigger-title" });
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (back?.isConnected) back.focus();
  });
  document.body.append(dialog);
  const title = el("h2", { id: "trigger-title" }, `Trigger ${dag}`);
  const close = el("button", { type: "button", click: () => dialog.close() }, "Cancel");
  dialog.append(title, el("p.quiet", {}, "Loading…"), close);
  dialog.showModal();
  const api = airflowPath(`api/v2/dags/${encodeURIComponent(dag)}`);
  const answer = await fetch(`${api}/details`).catch(() => null);
  if (!answer?.ok) {
    dialog.replaceChildren(title, el("p.bad", { role: "alert" }, await refusal(answer)), close);
    return;
  }
  const found = await answer.json();
  const params = Object.entries(found.params ?? {});
  const fields = params.map(([name, param]) => field(name, param, given[name]));
  const problem = el("p.bad", { role: "alert" });
  const send = el("button.send", { type: "submit" }, "Trigger");
  const form = el("form", { submit: submit },
    title, found.is_paused && el("p.quiet", {}, "The DAG is paused: the run stays queued until it is unpaused."),
    says && el("p", {}, says), fields.map(({ row }) => row), problem, el("div.buttons", {}, close, send));
  dialog.replaceChildren(form);
  form.elements.reason?.focus();

  async function submit(event) {
    event.preventDefault();
    send.disabled = true;
    const conf = Object.fromEntries(fields.map(({ name, value }) => [name, value()]));
    const body = JSON.stringify({ logical_date: null, conf });
    const headers = { "Content-Type": "application/json" };
    const sent = await fetch(`${api}/dagRuns`, { method: "POST", headers, body }).catch(() => null);
    if (!sent?.ok) {
      problem.textContent = await refusal(sent);
      send.disabled = false;
      return;
    }
    const run = await sent.json();
    const url = airflowPath(`dags/${encodeURIComponent(dag)}/runs/${encodeURIComponent(run.dag_run_id)}`);
    const done = el("button", { type: "button", click: () => dialog.close() }, "Close");
    dialog.replaceChildren(title, el("p", {}, "Triggered: ", airflowLink(url, run.dag_run_id)), el("div.buttons", {}, done));
    done.focus();
    on.tell(`Triggered ${dag}.`);
    on.onDone();
  }
}

async function refusal(answer) {
  if (!answer) return "The server does not answer. Nothing was triggered.";
  const detail = await said(answer);
  return `Airflow refused it (${answer.status})${detail ? `: ${detail}` : ""}. Nothing was triggered.`;
}

/** A parameter's field, by its schema: a choice, a tick, a number or a text. */
function field(name, { value, description, schema = {} }, preset) {
  const types = [schema.type].flat();
  const given = preset ?? value;
  const label = schema.title || name;
  const id = `param-${name}`;
  if (types.includes("boolean")) {
    const box = el("input", { type: "checkbox", id, name, checked: Boolean(given) });
    return { name, value: () => box.checked, row: el("div.field.tick", {}, box, el("label", { for: id }, label), note(description)) };
  }
  const input = schema.enum
    ? el("select", { id, name }, schema.enum.map((one) => el("option", { value: one, selected: one === given }, schema.values_display?.[one] ?? one)))
    : el("input", { id, name, type: types.includes("integer") || types.includes("number") ? "number" : "text", maxlength: schema.maxLength, value: given ?? "", required: name === "reason" });
  const read = () => {
    if (input.type === "number") return input.value === "" ? null : Number(input.value);
    return input.value === "" && types.includes("null") ? null : input.value;
  };
  return { name, value: read, row: el("div.field", {}, el("label", { for: id }, label), input, note(description)) };
}

function note(text) {
  return text ? el("div.quiet", {}, text) : null;
}
