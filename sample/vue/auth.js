// The auth adapter: the only file to change. It says who is logged in, and tells when that changes.

const IDENTITY = "/api/chat-identity"; // your backend's view: see the guide

export const auth = {
  /** {userId, userHash} of the user who is logged in; {} for a logged-out visitor. */
  async identity() {
    const response = await fetch(IDENTITY, { credentials: "same-origin" });
    if (response.status === 401) return {};
    if (!response.ok) throw new Error(`${IDENTITY} answered ${response.status}.`);
    const { user_id: userId, user_hash: userHash } = await response.json();
    return userId ? { userId, userHash } : {};
  },

  /** Calls back after each login and logout; returns how to stop that. With Pinia, watch your store instead. */
  onChange(callback) {
    window.addEventListener("auth-changed", callback);
    return () => window.removeEventListener("auth-changed", callback);
  },
};
