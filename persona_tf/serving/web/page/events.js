// Server-sent events out of a response: EventSource cannot post.

/** Yields {name, data} of each event. */
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const found = { name: "message", data: "" };
      for (const line of block.split("\n")) {
        if (line.startsWith("event: ")) found.name = line.slice(7);
        if (line.startsWith("data: ")) found.data += line.slice(6);
      }
      yield { name: found.name, data: JSON.parse(found.data) };
    }
  }
}
