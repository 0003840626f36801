// Asks the server again and again for one document, and says what came of it.

const EVERY = 10_000; // milliseconds between an answer and the next question
const PATIENCE = 30_000; // for one answer

/** The server's clock: ages do not depend on the viewer's. */
export const clock = {
  offset: 0,
  set(iso) {
    this.offset = Date.parse(iso) - Date.now();
  },
  now() {
    return Date.now() + this.offset;
  },
};

/**
 * Polls while the page is seen. A document that has not changed (ETag) is not told again.
 * @param {string} path relative to the page
 * @param {(document: Object) => void} onData
 * @param {(trouble: {status: number|null, detail: string}|null) => void} onTrouble null when it answers again;
 *   status is the HTTP status, null without an answer
 */
export class Feed {
  #path;
  #onData;
  #onTrouble;
  #etag = "";
  #timer = 0;
  #asking = null;

  constructor(path, { onData, onTrouble }) {
    [this.#path, this.#onData, this.#onTrouble] = [path, onData, onTrouble];
  }

  start() {
    document.addEventListener("visibilitychange", this.ask);
    this.ask();
  }

  stop() {
    document.removeEventListener("visibilitychange", this.ask);
    clearTimeout(this.#timer);
    this.#asking?.abort();
  }

  /** Ask now, and from then on at the usual pace. */
  ask = async () => {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    if (document.hidden) return;
    const asking = new AbortController();
    this.#asking = asking;
    const patience = setTimeout(() => asking.abort("late"), PATIENCE);
    let trouble = null;
    try {
      await this.#fetch(asking.signal);
    } catch (error) {
      if (asking.signal.aborted && asking.signal.reason !== "late") return; // another question took its place
      trouble = error instanceof Refused ? error : { status: null, detail: "" };
      if (!(error instanceof Refused || error instanceof TypeError || error === "late")) console.error(error);
    } finally {
      clearTimeout(patience);
    }
    this.#onTrouble(trouble);
    this.#timer = setTimeout(this.ask, EVERY);
  };

  async #fetch(signal) {
    const headers = this.#etag ? { "If-None-Match": this.#etag } : {};
    const answer = await fetch(this.#path, { headers, signal, cache: "no-store" });
    if (answer.status === 304) {
      await answer.text(); // an answer that is not read to its end counts as aborted
      return;
    }
    if (!answer.ok) throw new Refused(answer.status, await said(answer));
    const found = await answer.json();
    this.#etag = answer.headers.get("ETag") ?? "";
    if (found.now) clock.set(found.now);
    this.#onData(found);
  }
}

class Refused {
  constructor(status, detail) {
    this.status = status;
    this.detail = detail;
  }
}

/** What an answer that refuses says, as FastAPI writes it; empty when it says nothing. */
export async function said(answer) {
  try {
    const { detail } = await answer.json();
    return typeof detail === "string" ? detail : JSON.stringify(detail ?? "");
  } catch {
    return "";
  }
}
