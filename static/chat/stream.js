// Server-sent events, read from a fetch: EventSource can neither POST nor send a header.

/** The parsed JSON of each event. Raises what the connection raises. */
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) {
        const event = parsed(block);
        if (event) yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parsed(block) {
  const lines = block.split("\n").filter((line) => line.startsWith("data:"));
  if (!lines.length) return null; // a comment
  try {
    return JSON.parse(lines.map((line) => line.slice(5).replace(/^ /, "")).join("\n"));
  } catch {
    return null;
  }
}
