// What the page asks of the program, and hears from it.

// Asks for a change. Returns "" or what the program refused.
export async function ask(what, name, value) {
  try {
    const answer = await fetch("ask", {
      method: "POST",
      headers: {"Content-Type": "application/json"},
      body: JSON.stringify({ask: what, name, value}),
    });
    return answer.ok ? "" : await answer.text();
  } catch {
    return "The playground does not answer.";
  }
}

// Calls `heard` with an object of new parts, and `changed` with "live", "lost"
// or "ended".
export function listen(heard, changed) {
  let stream;
  function connect() {
    stream = new EventSource("events");
    stream.onopen = () => changed("live");
    stream.onmessage = (event) => heard(JSON.parse(event.data));
    // The browser tries again by itself, unless it was refused.
    stream.onerror = () => {
      changed("lost");
      if (stream.readyState === EventSource.CLOSED) {
        setTimeout(connect, 2000);
      }
    };
  }
  connect();
  window.addEventListener("pagehide", () => stream.close());
}
