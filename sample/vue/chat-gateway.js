// Puts the gateway's widget on the page and keeps it in step with who is logged in. Needs no framework.

const NAMES = {
  url: "VITE_CHAT_GATEWAY_URL",
  systemId: "VITE_CHAT_SYSTEM_ID",
  key: "VITE_CHAT_PUBLISHABLE_KEY",
};

/** The configuration from `import.meta.env`. Throws an Error that says what is missing. */
export function configFrom(env) {
  const config = {};
  for (const [field, name] of Object.entries(NAMES)) {
    if (!env[name]) throw new Error(`Set ${name} in .env: see .env.example.`);
    config[field] = env[name];
  }
  if (config.key.startsWith("sk_")) {
    throw new Error(`${NAMES.key} is a secret key, and every visitor could read it. Use a publishable one (pk_…).`);
  }
  return config;
}

/**
 * Starts the chat. `auth` is the adapter of auth.js; `options` are {lang, position, color, start, title, launcher}.
 * Returns {open(message), close(), stop()}.
 */
export async function startChat({ config, auth, options = {}, page = window }) {
  const script = tag(page.document, config, options, await auth.identity());
  await loaded(page.document, script);
  const unsubscribe = auth.onChange(async () => {
    const { userId, userHash } = await auth.identity();
    page.ChatGateway?.setUser(userId, userHash);
  });
  return {
    open: (message) => page.ChatGateway?.open(message),
    close: () => page.ChatGateway?.close(),
    stop() {
      unsubscribe();
      page.ChatGateway?.remove();
      script.remove();
    },
  };
}

function tag(document, config, options, { userId, userHash }) {
  const script = document.createElement("script");
  const settings = { ...options, systemId: config.systemId, key: config.key, userId, userHash };
  for (const [name, value] of Object.entries(settings)) {
    if (value) script.dataset[name] = value;
  }
  script.src = `${config.url.replace(/\/+$/, "")}/widget.js`;
  script.async = true;
  return script;
}

function loaded(document, script) {
  return new Promise((resolve, reject) => {
    script.addEventListener("load", resolve);
    script.addEventListener("error", () => reject(new Error(`${script.src} could not be loaded. Is it in script-src?`)));
    document.head.append(script);
  });
}
