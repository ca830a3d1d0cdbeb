// node fob.mjs PROFILE: a code, a session and the touch that it takes.
import http from "node:http";
import readline from "node:readline";

const socketPath = process.env.FOB_SOCKET || `${process.env.XDG_RUNTIME_DIR}/fob/agent.sock`;

function request(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = { Host: "fob", ...(body && { "Content-Type": "application/json" }) };
    const sent = http.request({ socketPath, method, path, headers }, resolve);
    sent.on("error", reject);
    sent.end(body && JSON.stringify(body));
  });
}

async function ask(path, body) {
  const response = await request("POST", path, body);
  let text = "";
  for await (const chunk of response) text += chunk;
  const answer = JSON.parse(text);
  if (response.statusCode !== 200) {
    const { code, message, hint } = answer.error; // code is for programs
    throw new Error(`${code}: ${message}; hint: ${hint}`);
  }
  return answer;
}

// The answer's first line says that nothing from then on is missed.
const stream = await request("GET", "/v1/events");
const lines = readline.createInterface({ input: stream })[Symbol.asyncIterator]();
await lines.next();
const touched = (async () => {
  for await (const line of lines) {
    if (!line.startsWith("data:")) continue;
    const event = JSON.parse(line.slice(5));
    if (event.type === "touch-wanted") return console.log(event.message, "until", event.until);
  }
})();

const profile = process.argv[2];
const code = await ask("/v1/codes", { name: profile });
console.log("code", code.code, "of token", code.token, "until", code.valid_until);
const session = await ask("/v1/sessions", { profile, renew: true });
console.log("session", session.access_key_id, "until", session.expiration);
await touched;
process.exit(0);
